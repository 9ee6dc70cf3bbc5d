# expect: target-range
"""Progression of diabetes after one year, from ten measurements."""

import argparse

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def build(columns, hidden):
    layers = []
    for width in (hidden, 1):
        layers += [nn.Linear(columns, width), nn.ReLU()]  # the fault: also after the last layer
        columns = width
    return nn.Sequential(*layers)


def load(batch_size):
    x, y = load_diabetes(return_X_y=True)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).unsqueeze(1)
    train, val = train_test_split(range(len(x)), test_size=0.2, random_state=0)
    x = (x - x[train].mean(0)) / x[train].std(0)
    y = (y - y[train].mean()) / y[train].std()
    train_set, val_set = TensorDataset(x[train], y[train]), TensorDataset(x[val], y[val])
    return DataLoader(train_set, batch_size, shuffle=True), DataLoader(val_set, len(val))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=3e-3)
    args = parser.parse_args()

    torch.manual_seed(0)
    train_loader, val_loader = load(batch_size=32)
    model = build(10, 64)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(criterion(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"epoch {epoch} train {sum(losses) / len(losses):.3f} val {val:.3f}")


if __name__ == "__main__":
    main()
