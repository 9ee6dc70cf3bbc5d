# expect: nothing
"""Train a small CNN on scikit-learn's handwritten digits."""

import argparse

import torch
from model import Net
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def get_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", default="model.pt", help="where the best model goes")
    return parser.parse_args()


def get_loaders(batch_size, seed):
    digits = load_digits()
    x_train, x_val, y_train, y_val = train_test_split(
        digits.images, digits.target, test_size=0.2, random_state=seed, stratify=digits.target
    )
    mean, std = x_train.mean(), x_train.std()

    def dataset(images, labels):
        images = torch.tensor((images - mean) / std, dtype=torch.float32).unsqueeze(1)
        return TensorDataset(images, torch.tensor(labels))

    train = DataLoader(dataset(x_train, y_train), batch_size, shuffle=True, drop_last=True)
    return train, DataLoader(dataset(x_val, y_val), 120)


def train_epoch(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader, criterion):
    model.eval()
    loss, correct = 0.0, 0
    for images, labels in loader:
        logits = model(images)
        loss += criterion(logits, labels).item() * len(labels)
        correct += (logits.argmax(1) == labels).sum().item()
    return loss / len(loader.dataset), correct / len(loader.dataset)


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    train_loader, val_loader = get_loaders(args.batch_size, args.seed)
    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)

    best = 0.0
    for epoch in range(1, args.epochs + 1):
        train_loss = train_epoch(model, train_loader, criterion, optimizer)
        val_loss, accuracy = evaluate(model, val_loader, criterion)
        print(
            f"epoch {epoch:2d}: train loss {train_loss:.4f}, "
            f"val loss {val_loss:.4f}, val accuracy {accuracy:.3f}"
        )
        if accuracy > best:
            best = accuracy
            torch.save(model.state_dict(), args.checkpoint)
    print(f"best accuracy {best:.3f}, saved to {args.checkpoint}")


if __name__ == "__main__":
    main()
