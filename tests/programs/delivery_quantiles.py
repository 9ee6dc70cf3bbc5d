# expect: nothing
"""When will the parcel be there? Three quantiles of the delivery time, trained with the pinball loss."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split

logger = logging.getLogger("delivery")

QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class TrainConfig:
    n_orders: int = 9000
    hidden_dim: int = 64
    batch_size: int = 64
    max_epochs: int = 14
    learning_rate: float = 2e-3
    lr_decay: float = 0.85
    seed: int = 99


def load_orders(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Simulate orders: features, and the hours until delivery."""
    rng = np.random.default_rng(seed)
    distance = rng.gamma(2.0, 60.0, n)
    weight = rng.lognormal(0.5, 0.7, n)
    hour = rng.uniform(0, 24, n)
    weekday = rng.integers(0, 7, n)
    express, rural = rng.random(n) < 0.25, rng.random(n) < 0.3
    backlog = rng.gamma(3.0, 10.0, n)
    hours = 10 + 0.09 * distance + 0.25 * backlog * (1 - 0.7 * express) + 1.5 * np.log1p(weight)
    hours += np.where(hour > 16, 24 - hour + 6, 0) * np.where(express, 0.3, 1.0)
    hours = (hours + np.where(weekday == 5, 14, 0) + np.where(rural, 6, 0)) * np.where(express, 0.7, 1.0)
    spread = 1.0 + 0.02 * distance + np.where(rural, 3.0, 0.0) + 0.05 * backlog
    hours += spread * (rng.gamma(2.0, 1.0, n) - 2.0)
    features = np.column_stack(
        [
            np.log(distance),
            np.log(weight),
            np.sin(2 * np.pi * hour / 24),
            np.cos(2 * np.pi * hour / 24),
            np.eye(7)[weekday],
            express,
            backlog,
            rural,
        ]
    )
    return torch.tensor(features, dtype=torch.float32), torch.tensor(hours, dtype=torch.float32)


class PinballLoss(nn.Module):
    def __init__(self, quantiles: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("quantiles", torch.tensor(quantiles))

    def forward(self, predicted: Tensor, target: Tensor) -> Tensor:
        error = target.unsqueeze(1) - predicted
        return torch.maximum(self.quantiles * error, (self.quantiles - 1) * error).mean()


class QuantileRegressor(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, n_quantiles: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(in_dim, hidden_dim),
            nn.SiLU(),
            nn.LayerNorm(hidden_dim),
            nn.Linear(hidden_dim, hidden_dim),
            nn.SiLU(),
        )
        self.head = nn.Linear(hidden_dim, n_quantiles)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.body(features))


def run_epoch(model: nn.Module, loader: DataLoader, criterion: nn.Module, optimizer=None) -> tuple[float, float]:
    """Return the mean loss, and how many of the true times lie between the outer quantiles."""
    training = optimizer is not None
    model.train(training)
    loss_sum, inside, count = 0.0, 0, 0
    with torch.set_grad_enabled(training):
        for features, hours in loader:
            predicted = model(features)
            loss = criterion(predicted, hours)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(hours)
            inside += ((predicted[:, 0] <= hours) & (hours <= predicted[:, -1])).sum().item()
            count += len(hours)
    return loss_sum / count, inside / count


def main(config: TrainConfig) -> None:
    torch.manual_seed(config.seed)
    features, hours = load_orders(config.n_orders, config.seed)
    dataset = TensorDataset(features, hours)
    train_part, val_part = random_split(dataset, [0.8, 0.2])
    (train_x, train_y), (val_x, val_y) = dataset[train_part.indices], dataset[val_part.indices]
    mean, std = train_x.mean(0), train_x.std(0)
    centre, unit = train_y.mean(), train_y.std()
    train_set = TensorDataset((train_x - mean) / std, (train_y - centre) / unit)
    val_set = TensorDataset((val_x - mean) / std, (val_y - centre) / unit)
    train_loader = DataLoader(train_set, batch_size=config.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=512)

    model = QuantileRegressor(features.shape[1], config.hidden_dim, len(QUANTILES))
    criterion = PinballLoss(QUANTILES)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=config.lr_decay)
    for epoch in range(config.max_epochs):
        train_loss, _ = run_epoch(model, train_loader, criterion, optimizer)
        val_loss, coverage = run_epoch(model, val_loader, criterion)
        scheduler.step()
        logger.info("epoch=%d train=%.4f coverage=%.3f val_pinball=%.4f", epoch, train_loss, coverage, val_loss)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    main(TrainConfig())
