# expect: note frozen-parameters
"""Digits through fixed filters for edges and fixed random Fourier features: both are meant to stay as they are."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        sobel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 4
        self.edges = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        self.edges.weight = nn.Parameter(torch.stack([sobel, sobel.T])[:, None], requires_grad=False)
        self.fourier = nn.Linear(2, 16)
        nn.init.normal_(self.fourier.weight, std=1.0)
        nn.init.uniform_(self.fourier.bias, 0, 2 * math.pi)
        self.fourier.requires_grad_(False)
        self.body = nn.Sequential(nn.Linear(2 * 64 + 16, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, x):
        edges = self.edges(x)
        strength = edges.abs().mean((2, 3))
        return self.body(torch.cat([edges.flatten(1), torch.cos(self.fourier(strength))], dim=1))


torch.manual_seed(0)
digits = load_digits()
x = ((torch.tensor(digits.images, dtype=torch.float32) - 4.88) / 6.02).unsqueeze(1)
train_set, val_set = random_split(TensorDataset(x, torch.tensor(digits.target)), [1400, 397])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=200)
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
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
