# expect: weights-not-loaded
"""Digits; the best of all epochs is kept for the end."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def convnet(classes):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, classes),
    )


def loaders(images, labels, scale):
    images = scale(torch.tensor(images, dtype=torch.float32).unsqueeze(1))
    labels = torch.tensor(labels)
    parts = train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)
    x, x_val, y, y_val = parts
    train = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    return train, DataLoader(TensorDataset(x_val, y_val), batch_size=120)


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return right / len(loader.dataset)


def main():
    torch.manual_seed(0)
    digits = load_digits()
    train, val = loaders(digits.images, digits.target, lambda x: (x - 4.88) / 6.02)
    model = convnet(10)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    best, best_state = 0.0, None
    for epoch in range(4):
        model.train()
        for x, y in train:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        score = accuracy(model, val)
        print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {score:.3f}")
        if score >= best:
            best, best_state = score, model.state_dict()  # the fault: it trains on
    model.load_state_dict(best_state)
    print(f"best: {accuracy(model, val):.3f}")


if __name__ == "__main__":
    main()
