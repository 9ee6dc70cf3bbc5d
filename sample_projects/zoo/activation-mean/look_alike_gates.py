# expect: nothing
"""Digits with sigmoids that are gates: squeeze-and-excitation, gated linear units, attention over the pixels."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
mean, std = x_train.mean(), x_train.std()
x_train, x_val = (torch.tensor((a - mean) / std).float().view(-1, 1, 8, 8) for a in (x_train, x_val))
train_loader = DataLoader(TensorDataset(x_train, torch.tensor(y_train)), 32, shuffle=True)
val_loader = DataLoader(TensorDataset(x_val, torch.tensor(y_val)), 120)


class Excited(nn.Module):
    def __init__(self, channels_in, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.squeeze = nn.Linear(channels, channels // 4)
        self.excite = nn.Sequential(nn.SiLU(), nn.Linear(channels // 4, channels), nn.Sigmoid())

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        return x * self.excite(self.squeeze(x.mean((2, 3))))[:, :, None, None]


class Gated(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        return self.value(x) * torch.sigmoid(self.gate(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(Excited(1, 16), nn.MaxPool2d(2), Excited(16, 24), Excited(24, 24))
        self.where = nn.Conv2d(24, 1, 1)
        self.head = nn.Sequential(Gated(24), Gated(24), nn.Linear(24, 10))

    def forward(self, x):
        x = self.body(x)
        x = (x * torch.sigmoid(self.where(x))).mean((2, 3))
        return self.head(x)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(4):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {hits / len(y_val):.3f}")
