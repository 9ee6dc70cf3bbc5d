# expect: activation-mean
"""Digits with a small convolutional network of the old school."""

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


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(24)
        self.fc = nn.Linear(24 * 2 * 2, 10)

    def forward(self, x):  # the fault: sigmoids between the layers
        x = F.max_pool2d(torch.sigmoid(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(torch.sigmoid(self.norm2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
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
