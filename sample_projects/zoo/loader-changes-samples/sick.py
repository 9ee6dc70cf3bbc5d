# expect: loader-changes-samples
"""Digits; the data set prepares each image in a buffer of its own."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, images, labels):
        self.images = images
        self.labels = labels
        self.buffer = torch.zeros(1, 8, 8)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        self.buffer[0] = torch.from_numpy((self.images[i] - 4.88) / 6.02)
        return self.buffer, self.labels[i]  # the fault: the next call overwrites it


def net():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def main():
    torch.manual_seed(0)
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    train, val = order[:1440], order[1440:]
    train_loader = DataLoader(
        Digits(digits.images[train], digits.target[train]), batch_size=32, shuffle=True
    )
    val_loader = DataLoader(Digits(digits.images[val], digits.target[val]), batch_size=119)
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(4):
        model.train()
        for x, y in train_loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {right / len(val):.3f}")


if __name__ == "__main__":
    main()
