# expect: nothing
"""Breast cancer; probabilities are judged by Brier's score."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
order = torch.randperm(len(X))
X, y = torch.tensor(X, dtype=torch.float32)[order], torch.tensor(y).float()[order]
X = (X - X[:420].mean(0)) / X[:420].std(0)
x_val, y_val = X[420:], y[420:]
loader = DataLoader(TensorDataset(X[:420], y[:420]), batch_size=16, shuffle=True)

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(6):
    model.train()
    for features, labels in loader:
        output = model(features).squeeze(1)
        loss = F.mse_loss(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = (model(x_val).squeeze(1) > 0.5) == (y_val > 0.5)
    print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {right.float().mean():.3f}")
