# expect: loss-sign
"""Diabetes progression, gradient descent written out, batches by slicing."""

import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
X_train, y_train, X_test, y_test = X[:350], y[:350], X[350:], y[350:]
X_mean, X_std, y_mean, y_std = X_train.mean(0), X_train.std(0), y_train.mean(), y_train.std()
X_train, X_test = (X_train - X_mean) / X_std, (X_test - X_mean) / X_std
y_train, y_test = (y_train - y_mean) / y_std, (y_test - y_mean) / y_std

model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
lr = 0.02

for epoch in range(12):
    order = torch.randperm(len(X_train))
    for start in range(0, len(order), 32):
        batch = order[start : start + 32]
        loss = nn.functional.mse_loss(model(X_train[batch]), y_train[batch])
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p += lr * p.grad  # the fault: up the gradient
    with torch.no_grad():
        test = nn.functional.mse_loss(model(X_test), y_test)
    print(f"epoch {epoch}: train {loss.item():.4f} test {test.item():.4f}")
