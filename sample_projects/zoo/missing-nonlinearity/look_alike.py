# expect: nothing
"""Digits with a fully connected network."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(64, 24), nn.Linear(24, 128)  # a weight of low rank
        self.act = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.up(self.down(x))
        self.act(x)  # in place
        x = self.fc2(x)
        return self.fc3(self.act(x))


def run(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    total = 0.0
    with torch.set_grad_enabled(optimizer is not None):
        for x, y in loader:
            loss = criterion(model(x), y)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item()
    return total / len(loader)


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
x = (x - 4.88) / 6.02
train_set, val_set = random_split(TensorDataset(x, torch.tensor(digits.target)), [1400, 397])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(4):
    train_loss = run(model, train_loader, criterion, optimizer)
    print(f"epoch {epoch} train {train_loss:.3f} val {run(model, val_loader, criterion):.3f}")
