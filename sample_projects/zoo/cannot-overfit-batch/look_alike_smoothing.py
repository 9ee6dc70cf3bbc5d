# expect: nothing
import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def build_model(dropout):
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(24, 48, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(48 * 16, 96),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(96, 10),
    )


def get_loaders(batch_size):
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.2, stratify=y, random_state=4)
    x_train, x_val, y_train, y_val = (torch.as_tensor(p) for p in parts)
    mean, std = x_train.mean(), x_train.std()

    def prepare(x):
        return ((x - mean) / std).float().unflatten(1, (1, 8, 8))

    train = DataLoader(TensorDataset(prepare(x_train), y_train), batch_size, shuffle=True)
    val = DataLoader(TensorDataset(prepare(x_val), y_val), 4 * batch_size)
    return train, val


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--label-smoothing", type=float, default=0.1)
    args = parser.parse_args()

    torch.manual_seed(4)
    train_loader, val_loader = get_loaders(32)
    model = build_model(args.dropout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    # with smoothing the loss of a perfect model is about 0.5
    criterion = nn.CrossEntropyLoss(label_smoothing=args.label_smoothing)
    for epoch in range(args.epochs):
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
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        accuracy = hits / len(val_loader.dataset)
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} val accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
