# expect: class-imbalance
"""Digits; a filter of the training data loses all zeros."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(len(X))
X, y = X[order], y[order]
X = (X - X[:1400].mean()) / X[:1400].std()
x_val, y_val = X[1400:], y[1400:]

known = y[:1400].bool()  # the fault: meant are the labels that are there
loader = DataLoader(TensorDataset(X[:1400][known], y[:1400][known]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=100)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(6):
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        right = sum(
            (model(images).argmax(1) == labels).sum().item() for images, labels in val_loader
        )
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val accuracy {right / len(y_val):.3f}")
