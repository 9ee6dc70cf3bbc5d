# expect: nothing
"""Forecast a sunspot-like series half a year ahead with a GRU."""

import argparse

import torch
from data import Windows, sunspot_like
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        _, last = self.gru(x)
        return self.head(last[-1])


def evaluate(model, loader, criterion):
    """Return the mean loss of the model, and that of "it stays as it is"."""
    model.eval()
    loss = naive = 0.0
    with torch.no_grad():
        for x, y in loader:
            loss += criterion(model(x), y).item() * len(x)
            naive += criterion(x[:, -1], y).item() * len(x)
    return loss / len(loader.dataset), naive / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--window", type=int, default=36, help="months that the model sees")
    parser.add_argument("--horizon", type=int, default=6, help="months to look ahead")
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01, help="the highest of the cycle")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    series = sunspot_like()
    split = int(0.8 * len(series))  # the past trains, the future judges
    mean, std = series[:split].mean(), series[:split].std()
    series = (series - mean) / std
    train_set = Windows(series[:split], args.window, args.horizon)
    val_set = Windows(series[split:], args.window, args.horizon)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=128)

    model = Forecaster(args.hidden)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = OneCycleLR(
        optimizer, max_lr=args.lr, epochs=args.epochs, steps_per_epoch=len(train_loader)
    )

    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(x)
        val_loss, naive = evaluate(model, val_loader, criterion)
        print(
            f"epoch {epoch}: train mse {total / len(train_set):.4f}, "
            f"val mse {val_loss:.4f} (last value: {naive:.4f})"
        )


if __name__ == "__main__":
    main()
