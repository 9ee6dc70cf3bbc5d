# expect: nothing
"""Digits, split by indices: a third trains with noise added, the rest validates without, each from a set of its own."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler


class Digits(Dataset):
    def __init__(self, noise):
        x, y = load_digits(return_X_y=True)
        self.x = torch.tensor((x - 4.9) / 6.0, dtype=torch.float32)
        self.y = torch.tensor(y)
        self.noise = noise

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i] + self.noise * torch.randn(64), self.y[i]


torch.manual_seed(0)
order = torch.randperm(1797).tolist()
train, val = order[:600], order[600:]
loader = DataLoader(Digits(0.1), batch_size=16, sampler=SubsetRandomSampler(train))
val_loader = DataLoader(Digits(0.0), batch_size=100, sampler=SubsetRandomSampler(val))
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
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
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val accuracy {right / len(val):.3f}")
