# expect: nothing
"""Pretrain a backbone on the digits 0-4, then train only a new head on the digits 5-9."""

import argparse
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from model import Backbone, Classifier
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

MEAN, STD = 4.9, 6.0  # of the pixels of all digits


def get_loaders(classes, batch_size, seed):
    digits = load_digits()
    chosen = [i for i, label in enumerate(digits.target) if label in classes]
    images, labels = digits.images[chosen], digits.target[chosen] - classes[0]
    x_train, x_val, y_train, y_val = train_test_split(
        images, labels, test_size=0.25, random_state=seed, stratify=labels
    )

    def loader(x, y, **options):
        x = torch.tensor((x - MEAN) / STD, dtype=torch.float32).unsqueeze(1)
        return DataLoader(TensorDataset(x, torch.tensor(y)), batch_size, **options)

    return loader(x_train, y_train, shuffle=True, drop_last=True), loader(x_val, y_val)


def accuracy(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
    return correct / len(loader.dataset)


def pretrain(path, args):
    """Train a whole network on 0-4 and save its backbone."""
    train_loader, val_loader = get_loaders(range(5), args.batch_size, args.seed)
    model = Classifier(Backbone(), 5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(args.pretrain_epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        print(f"pretrain {epoch}: loss {loss.item():.3f}, val {accuracy(model, val_loader):.3f}")
    torch.save(model.backbone.state_dict(), path)


def finetune(path, args):
    """Load the backbone, freeze it, and train a head on 5-9."""
    train_loader, val_loader = get_loaders(range(5, 10), args.batch_size, args.seed)
    backbone = Backbone()
    backbone.load_state_dict(torch.load(path, weights_only=True))
    backbone.requires_grad_(False)
    model = Classifier(backbone, 5)
    optimizer = torch.optim.Adam(model.head.parameters(), lr=args.lr)
    print(f"before: val {accuracy(model, val_loader):.3f}")
    for epoch in range(args.epochs):
        model.train()
        model.backbone.eval()  # its BatchNorm statistics are frozen too
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        mean_loss = total / len(train_loader)
        print(f"finetune {epoch}: loss {mean_loss:.3f}, val {accuracy(model, val_loader):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pretrain-epochs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backbone.pt"
        pretrain(path, args)
        finetune(path, args)


if __name__ == "__main__":
    main()
