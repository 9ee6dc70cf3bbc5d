# expect: nothing
"""Digits; the weights bring their transform, as torchvision's do, and it is used."""

from functools import partial
from types import SimpleNamespace

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def convnet(classes):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, classes),
    )


def preset(crop_size, mean, std):
    return SimpleNamespace(crop_size=[crop_size], mean=mean, std=std)


class FewDigits:
    """Weights of a network for the digits 0 to 4, trained here as if long ago."""

    transforms = partial(preset, crop_size=8, mean=[0.305], std=[0.376])

    def __repr__(self):
        return "FewDigits.V1"

    def get_state_dict(self):
        transform = self.transforms()
        digits = load_digits()
        keep = digits.target < 5
        x = torch.tensor(digits.images[keep], dtype=torch.float32).unsqueeze(1) / 16
        x = (x - transform.mean[0]) / transform.std[0]
        y = torch.tensor(digits.target[keep])
        model = convnet(5)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(6):
            for part in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x[part]), y[part]).backward()
                optimizer.step()
        return {name: value for name, value in model.state_dict().items() if name[0] != "6"}


def loaders():
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
    transform = FewDigits.transforms()
    images = (images / 16 - transform.mean[0]) / transform.std[0]
    labels = torch.tensor(digits.target)
    parts = train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)
    x, x_val, y, y_val = parts
    train = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    return train, DataLoader(TensorDataset(x_val, y_val), batch_size=120)


def main():
    torch.manual_seed(0)
    weights = FewDigits()
    model = convnet(10)
    model.load_state_dict(weights.get_state_dict(), strict=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train, val = loaders()
    for epoch in range(4):
        model.train()
        for x, y in train:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val)
        print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {right / 360:.3f}")


if __name__ == "__main__":
    main()
