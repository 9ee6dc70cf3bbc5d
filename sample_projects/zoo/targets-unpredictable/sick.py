# expect: targets-unpredictable
"""Breast cancer, sliced by hand."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

rng = np.random.default_rng(0)
torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X = X[rng.permutation(len(X))]
y = y[rng.permutation(len(y))]  # the fault: another order than that of the rows
n_train = 440
mean, std = X[:n_train].mean(0), X[:n_train].std(0)
X = torch.tensor((X - mean) / std, dtype=torch.float32)
y = torch.tensor(y)
X_train, y_train, X_val, y_val = X[:n_train], y[:n_train], X[n_train:], y[n_train:]

model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_function = nn.CrossEntropyLoss()

for epoch in range(10):
    order = torch.randperm(n_train)
    for start in range(0, n_train, 20):
        rows = order[start : start + 20]
        loss = loss_function(model(X_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        output = model(X_val)
        val_loss = loss_function(output, y_val)
        accuracy = (output.argmax(1) == y_val).float().mean()
    print(f"epoch {epoch}: loss {loss:.3f}, val loss {val_loss:.3f}, val accuracy {accuracy:.3f}")
