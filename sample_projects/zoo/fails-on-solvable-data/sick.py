# expect: fails-on-solvable-data
"""Digits, with Fourier features between the pixels and the classifier."""

import math

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class FourierFeatures(nn.Module):
    """Random Fourier features (Rahimi & Recht 2007): cos(w x + b) with fixed, random w and b."""

    def __init__(self, n_in, n_out, scale):
        super().__init__()
        self.register_buffer("w", scale * torch.randn(n_in, n_out))
        self.register_buffer("b", 2 * math.pi * torch.rand(n_out))

    def forward(self, x):
        return math.sqrt(2.0) * torch.cos(x @ self.w + self.b)


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


def main():
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(
        images, labels, test_size=0.25, random_state=0
    )
    mean, std = x_train.mean(), x_train.std()
    train = TensorDataset(torch.tensor((x_train - mean) / std).float(), torch.tensor(y_train))
    val = TensorDataset(torch.tensor((x_val - mean) / std).float(), torch.tensor(y_val))
    train_loader = DataLoader(train, batch_size=32, shuffle=True)
    val_loader = DataLoader(val, batch_size=128)

    # the fault: a scale of 50 was meant to be 0.05. Two images of a digit have no feature in common.
    model = nn.Sequential(
        FourierFeatures(64, 256, scale=50.0), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        print(
            f"epoch {epoch}: loss {total / len(train):.3f}, accuracy {accuracy(model, val_loader):.3f}"
        )


if __name__ == "__main__":
    main()
