# expect: nothing
"""Digits with inverted bottlenecks, depthwise convolutions and a residual branch that ends in dropout."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Inverted(nn.Module):
    """Wide inside, narrow outside: BatchNorm follows the narrow convolution, and no activation."""

    def __init__(self, channels, wide):
        super().__init__()
        self.expand = nn.Conv2d(channels, wide, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(wide)
        self.depthwise = nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(wide)
        self.project = nn.Conv2d(wide, channels, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        x = nn.functional.relu6(self.expand_norm(self.expand(x)))
        return self.project_norm(self.project(self.depthwise_norm(self.depthwise(x))))


class Branch(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width), nn.Dropout(0.1))

    def forward(self, x):
        return x + self.inner(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU())
        self.blocks = nn.Sequential(Inverted(12, 36), nn.MaxPool2d(2), Inverted(12, 36), Inverted(12, 36))
        self.branch = Branch(12)
        self.head = nn.Linear(12, 10)

    def forward(self, x):
        x = self.blocks(self.stem(x)).mean((2, 3))
        return self.head(self.branch(x))


torch.manual_seed(0)
digits = load_digits()
x = ((torch.tensor(digits.images, dtype=torch.float32) - 4.88) / 6.02).unsqueeze(1)
train_set, val_set = random_split(TensorDataset(x, torch.tensor(digits.target)), [1400, 397])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(3):
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
