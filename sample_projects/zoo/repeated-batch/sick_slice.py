# expect: repeated-batch
"""Regression, with the mini-batches cut by hand; the rows are in random order."""

import torch
import torch.nn as nn
from sklearn.datasets import make_regression

torch.manual_seed(0)

X, y = make_regression(1200, 30, n_informative=20, noise=10.0, random_state=0)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
X_train, y_train, X_val, y_val = X[:1000], y[:1000], X[1000:], y[1000:]
mean, std = X_train.mean(0), X_train.std(0)
X_train, X_val = (X_train - mean) / std, (X_val - mean) / std
mean, std = y_train.mean(), y_train.std()
y_train, y_val = (y_train - mean) / std, (y_val - mean) / std

model = nn.Sequential(nn.Linear(30, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = nn.MSELoss()
batch_size = 20

for epoch in range(6):
    for i in range(0, len(X_train), batch_size):
        xb = X_train[:batch_size]  # the fault: the slice does not start at i
        yb = y_train[:batch_size]
        loss = loss_fn(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = loss_fn(model(X_val), y_val)
    print(f"epoch {epoch}: train {loss.item():.4f} val {val_loss.item():.4f}")
