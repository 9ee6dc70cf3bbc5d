# expect: nothing
"""Digits with random noise and shifts in brightness, made on a copy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, images, labels, train):
        self.images = images.astype(np.float32)
        self.labels = labels
        self.train = train
        self.rng = np.random.default_rng(1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = (self.images[i] - 4.88) / 6.02
        if self.train:
            image += 0.1 * self.rng.standard_normal(64, dtype=np.float32)
            image *= 1 + 0.1 * float(torch.randn(()))
        return torch.from_numpy(image), self.labels[i]


def main():
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    train, val = order[:1440], order[1440:]
    train_loader = DataLoader(
        Digits(images[train], labels[train], True), batch_size=32, shuffle=True
    )
    val_loader = DataLoader(Digits(images[val], labels[val], False), batch_size=119)

    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(5):
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
