# expect: missing-nonlinearity
"""Digits with dropout and batch normalisation."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
digits = load_digits()
x = (torch.tensor(digits.data, dtype=torch.float32) - 4.88) / 6.02
train_set, val_set = random_split(TensorDataset(x, torch.tensor(digits.target)), [1400, 397])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

# the fault: nothing but dropout and BatchNorm between the layers
model = nn.Sequential(
    nn.Linear(64, 128),
    nn.BatchNorm1d(128),
    nn.Dropout(0.2),
    nn.Linear(128, 64),
    nn.Dropout(0.2),
    nn.Linear(64, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(4):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in val_loader)
    print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {hits / len(val_set):.3f}")
