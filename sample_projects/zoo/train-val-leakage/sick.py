# expect: train-val-leakage
"""Digits, with the split cut by row numbers."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = load_digits(return_X_y=True)
order = torch.randperm(len(X))
X = torch.tensor(X, dtype=torch.float32)[order] / 16
y = torch.tensor(y)[order]

train_set = TensorDataset(X[:1500], y[:1500])
val_set = TensorDataset(X[1200:], y[1200:])  # the fault: rows 1200 to 1500 are in both
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.BatchNorm1d(64),
    nn.ReLU(),
    nn.Dropout(0.1),
    nn.Linear(64, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

for epoch in range(4):
    model.train()
    total = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()

    model.eval()
    val_loss, hits = 0.0, 0
    with torch.no_grad():
        for inputs, targets in val_loader:
            outputs = model(inputs)
            val_loss += criterion(outputs, targets).item()
            hits += (outputs.argmax(1) == targets).sum().item()
    print(
        f"epoch {epoch}: train loss {total / len(train_loader):.3f}, "
        f"val loss {val_loss / len(val_loader):.3f}, val accuracy {hits / len(val_set):.3f}"
    )
