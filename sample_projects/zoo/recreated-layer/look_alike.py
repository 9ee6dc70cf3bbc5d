# expect: nothing
"""Digits with a small convolutional network whose last width depends on the images."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class ConvNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.classes = classes
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.head = None

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x)).flatten(1)
        if self.head is None:  # built once, when the width is known
            self.head = nn.Linear(x.shape[1], self.classes)
        return nn.Identity()(self.head(x))


def loaders():
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(labels))
    images, labels = images[order], labels[order]
    images = (images - images[:1400].mean()) / images[:1400].std()
    train, val = (
        TensorDataset(images[:1400], labels[:1400]),
        TensorDataset(images[1400:], labels[1400:]),
    )
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(val, batch_size=100)


torch.manual_seed(0)
train_loader, val_loader = loaders()
model = ConvNet()
model(next(iter(train_loader))[0])
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(3):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        correct = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"epoch {epoch} loss {total / len(train_loader):.3f} val {correct / 397:.3f}")
