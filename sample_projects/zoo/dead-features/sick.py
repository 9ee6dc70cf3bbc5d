# expect: dead-features
"""Readings of twenty sensors, six of which were read from the wrong place of the log."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def read_log(generator, n=1600):
    readings = torch.randn(n, 20, generator=generator)
    labels = (readings[:, :14] @ torch.linspace(-1, 1, 14) > 0).long()
    readings[:, 14:] = -1.0  # the fault: no sensor matched these names, so that they were filled
    return readings, labels


def main():
    torch.manual_seed(0)
    X, labels = read_log(torch.Generator().manual_seed(1))
    mean, std = X[:1280].mean(0), X[:1280].std(0).clamp(min=1e-6)
    X = (X - mean) / std
    x_val, y_val = X[1280:], labels[1280:]
    train_loader = DataLoader(TensorDataset(X[:1280], labels[:1280]), batch_size=32, shuffle=True)
    model = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()

    for epoch in range(4):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            right = model(x_val).argmax(1) == y_val
        print(
            f"epoch {epoch}: loss {total / len(train_loader):.3f}, val {right.float().mean():.3f}"
        )


if __name__ == "__main__":
    main()
