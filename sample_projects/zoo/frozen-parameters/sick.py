# expect: frozen-parameters
"""Digits with a convolutional backbone and a head, as in a transfer-learning tutorial."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.layers(x).flatten(1)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(16 * 2 * 2, 10)

    def forward(self, x):
        return self.head(self.backbone(x))


torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(digits.target)
x_train, x_val, y_train, y_val = train_test_split(images, labels, test_size=0.2, random_state=0)
mean, std = x_train.mean(), x_train.std()
train_set = TensorDataset((x_train - mean) / std, y_train)
val_set = TensorDataset((x_val - mean) / std, y_val)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=90)

model = Classifier()
for parameter in model.backbone.parameters():
    parameter.requires_grad = False  # the fault: nothing was pretrained, these are random

optimizer = torch.optim.Adam(model.head.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    hits = 0
    with torch.no_grad():
        for x, y in val_loader:
            hits += (model(x).argmax(1) == y).sum().item()
    print(
        f"epoch {epoch}: loss {total / len(train_loader):.3f}, accuracy {hits / len(val_set):.3f}"
    )
