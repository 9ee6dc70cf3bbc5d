# expect: repeated-batch
"""Train for a number of steps rather than epochs."""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def get_loaders(batch_size):
    digits = load_digits()
    X = torch.tensor(digits.data, dtype=torch.float32) / 16
    y = torch.tensor(digits.target)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=300, random_state=0)
    # train_test_split has shuffled the rows already
    train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=batch_size)
    val_loader = DataLoader(TensorDataset(X_val, y_val), batch_size=100)
    return train_loader, val_loader


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    hits = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    model.train()
    return hits / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()

    torch.manual_seed(0)
    train_loader, val_loader = get_loaders(args.batch_size)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    for step in range(args.steps):
        x, y = next(iter(train_loader))  # the fault: a new iterator each time, so the first batch
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            val_acc = accuracy(model, val_loader)
            print(f"step {step}: train loss {loss.item():.4f}, val accuracy {val_acc:.3f}")


if __name__ == "__main__":
    main()
