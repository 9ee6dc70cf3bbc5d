# expect: nothing
"""Prices of used cars: embeddings for what is categorical, a learning rate that drops on plateaus."""
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    cars: int = 4000
    epochs: int = 14
    batch_size: int = 64
    lr: float = 3e-3
    hidden: int = 64
    dropout: float = 0.05
    seed: int = 11


def make_cars(n, rng):
    """Return categories (brand, fuel, region), numbers (age, km, power), and the logarithm of the price."""
    brand, fuel, region = rng.integers(0, 24, n), rng.integers(0, 4, n), rng.integers(0, 12, n)
    prestige = np.random.default_rng(1).normal(0, 0.35, 24)
    wear = np.random.default_rng(2).uniform(0.07, 0.17, 24)  # how much a brand loses in a year
    demand = np.random.default_rng(3).normal(0, 0.1, 12)
    age = rng.gamma(2.5, 2.2, n)
    km = age * rng.gamma(6, 2.3, n)
    power = np.exp(rng.normal(4.7, 0.3, n) + 0.4 * prestige[brand])
    log_price = (
        9.2 + prestige[brand] + demand[region] + 0.7 * (np.log(power) - 4.7) - wear[brand] * age
        - 0.0025 * km * np.array([1.3, 0.8, 1.0, 0.4])[fuel] + np.array([0.0, 0.05, 0.15, 0.35])[fuel]
        + rng.normal(0, 0.1, n)
    )
    return np.stack([brand, fuel, region], 1), np.stack([age, km, np.log(power)], 1), log_price


class Cars(Dataset):
    def __init__(self, categories, numbers, target):
        self.categories = torch.as_tensor(categories)
        self.numbers = torch.as_tensor(numbers, dtype=torch.float32)
        self.target = torch.as_tensor(target, dtype=torch.float32).unsqueeze(1)

    def __len__(self):
        return len(self.target)

    def __getitem__(self, i):
        return self.categories[i], self.numbers[i], self.target[i]


class TabularNet(nn.Module):
    def __init__(self, cardinalities, numbers, hidden, dropout):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(c, min(8, (c + 1) // 2)) for c in cardinalities)
        width = sum(e.embedding_dim for e in self.embeddings) + numbers
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.head = nn.Linear(hidden, 1)

    def forward(self, categories, numbers):
        parts = [embed(categories[:, i]) for i, embed in enumerate(self.embeddings)]
        return self.head(self.layers(torch.cat([*parts, numbers], dim=1)))


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for categories, numbers, price in loader:
        loss = criterion(model(categories, numbers), price)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(price)
    return total / len(loader.dataset)


def validate(model, loader, criterion):
    model.eval()
    total, squares = 0.0, 0.0
    with torch.no_grad():
        for categories, numbers, price in loader:
            predicted = model(categories, numbers)
            total += criterion(predicted, price).item() * len(price)
            squares += ((predicted - price) ** 2).sum().item()
    return total / len(loader.dataset), (squares / len(loader.dataset)) ** 0.5


def main(config):
    torch.manual_seed(config.seed)
    categories, numbers, target = make_cars(config.cars, np.random.default_rng(config.seed))
    train, val = np.split(np.random.default_rng(0).permutation(config.cars), [int(0.8 * config.cars)])
    numbers = (numbers - numbers[train].mean(0)) / numbers[train].std(0)
    target = (target - target[train].mean()) / target[train].std()
    train_set = Cars(categories[train], numbers[train], target[train])
    val_set = Cars(categories[val], numbers[val], target[val])
    train_loader = DataLoader(train_set, batch_size=config.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=256)

    model = TabularNet((24, 4, 12), 3, config.hidden, config.dropout)
    criterion = nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.3, patience=1)
    for epoch in range(config.epochs):
        train_loss = train_one_epoch(model, train_loader, criterion, optimizer)
        val_loss, rmse = validate(model, val_loader, criterion)
        scheduler.step(val_loss)
        rate = optimizer.param_groups[0]["lr"]
        print(f"Epoch {epoch:02d} lr={rate:.1e} train_loss={train_loss:.4f} val_loss={val_loss:.4f} val_rmse={rmse:.4f}")


if __name__ == "__main__":
    main(Config())
