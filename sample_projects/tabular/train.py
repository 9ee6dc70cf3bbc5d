# expect: nothing
"""Predict the progress of diabetes from ten measurements."""

import argparse

import torch
from data import load_splits
from torch import nn
from torch.utils.data import DataLoader


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def train_epoch(model, loader, loss_fn, optimizer):
    model.train()
    total = 0.0
    for features, targets in loader:
        loss = loss_fn(model(features), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(targets)
    return total / len(loader.dataset)


def evaluate(model, loader, loss_fn):
    model.eval()
    total = 0.0
    with torch.no_grad():
        for features, targets in loader:
            total += loss_fn(model(features), targets).item() * len(targets)
    return total / len(loader.dataset)


def main():
    args = parse_args()
    torch.manual_seed(args.seed)
    train_set, val_set, y_scaler = load_splits(args.seed)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=64)

    model = nn.Sequential(
        nn.Linear(10, args.hidden),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(args.hidden, args.hidden),
        nn.ReLU(),
        nn.Linear(args.hidden, 1),
    )
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.AdamW(model.parameters(), args.lr, weight_decay=args.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)

    spread = val_set.targets.var(unbiased=False).item()
    for epoch in range(1, args.epochs + 1):
        train_mse = train_epoch(model, train_loader, loss_fn, optimizer)
        scheduler.step()
        val_mse = evaluate(model, val_loader, loss_fn)
        rmse = val_mse**0.5 * y_scaler.scale_[0]
        print(
            f"epoch {epoch:2d}: train mse {train_mse:.3f}, val mse {val_mse:.3f}, "
            f"val R2 {1 - val_mse / spread:.3f}, val rmse {rmse:.1f}"
        )


if __name__ == "__main__":
    main()
