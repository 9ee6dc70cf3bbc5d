# expect: batch-too-large
"""Digits; small batches are added up to very large ones."""

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

loader = DataLoader(TensorDataset(X[:1400], y[:1400]), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
accumulate = 11  # the fault: four steps an epoch

for epoch in range(10):
    model.train()
    total = 0.0
    for step, (images, labels) in enumerate(loader):
        loss = criterion(model(images), labels)
        (loss / accumulate).backward()
        total += loss.item()
        if step % accumulate == accumulate - 1:
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val accuracy {accuracy:.3f}")
