# expect: nothing
"""Digits, each moved by a pixel at random: another image value by value, the same digit."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Moved:
    def __call__(self, image):
        down, right = torch.randint(-1, 2, (2,)).tolist()
        image = image.roll((down, right), (-2, -1))
        return image * (0.9 + 0.2 * torch.rand(()))


class Digits(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images = torch.tensor((images - 4.88) / 6.02, dtype=torch.float32).unsqueeze(1)
        self.labels = torch.tensor(labels)
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = self.images[i]
        return (self.transform(image) if self.transform else image), self.labels[i]


def main():
    torch.manual_seed(0)
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    train, val = order[:1440], order[1440:]
    train_set = Digits(digits.images[train], digits.target[train], Moved())
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    val_set = Digits(digits.images[val], digits.target[val])
    val_loader = DataLoader(val_set, batch_size=119)

    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )
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
