# expect: nothing
"""Bearing faults from windows of an accelerometer: a 1-D convolutional network with batch normalisation, trained with
label smoothing, AdamW and a one-cycle schedule to tell five conditions of a simulated motor apart."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

CONDITIONS = ["healthy", "inner_race", "outer_race", "ball", "imbalance"]


@dataclass
class Config:
    seed: int = 11
    sample_rate: float = 4000.0
    window: int = 512
    n_train: int = 1600
    n_val: int = 500
    batch_size: int = 32
    epochs: int = 8
    max_lr: float = 1.5e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    dropout: float = 0.2


def simulate_window(condition: str, cfg: Config, rng: np.random.Generator) -> np.ndarray:
    """One window of acceleration (in g) at a random speed and load."""
    t = np.arange(cfg.window) / cfg.sample_rate
    shaft = rng.uniform(24, 34)  # revolutions per second
    signal = rng.uniform(0.2, 0.5) * np.sin(2 * np.pi * shaft * t + rng.uniform(0, 2 * np.pi))
    signal += rng.uniform(0.05, 0.2) * np.sin(4 * np.pi * shaft * t + rng.uniform(0, 2 * np.pi))
    if condition == "imbalance":
        signal *= rng.uniform(2.0, 3.5)
    elif condition != "healthy":
        # every fault strikes at its own multiple of the shaft speed and rings at its own resonance
        order, resonance = {"inner_race": (5.4, 1100), "outer_race": (3.6, 1100), "ball": (4.7, 700)}[condition]
        period = 1 / (order * shaft)
        resonance = resonance * rng.normal(1, 0.06)
        amplitude = rng.uniform(0.5, 1.5)
        for start in np.arange(-rng.uniform(0, period), t[-1], period):
            start += rng.normal(0, 0.01 * period)
            strength = amplitude * rng.normal(1, 0.15)
            if condition == "inner_race":  # passes through the load zone once a revolution
                strength *= 0.6 + 0.5 * np.cos(2 * np.pi * shaft * start)
            since = np.clip(t - start, 0, None)
            signal += strength * np.exp(-since * 500) * np.sin(2 * np.pi * resonance * since)
    return signal + rng.normal(0, rng.uniform(0.15, 0.35), cfg.window)


def make_split(n: int, cfg: Config, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    labels = rng.integers(0, len(CONDITIONS), n)
    windows = np.stack([simulate_window(CONDITIONS[label], cfg, rng) for label in labels])
    return torch.from_numpy(windows).float().unsqueeze(1), torch.from_numpy(labels)


class VibrationNet(nn.Module):
    def __init__(self, n_classes: int, dropout: float):
        super().__init__()
        layers: list[nn.Module] = []
        channels = [1, 16, 32, 48, 64]
        for i, kernel in enumerate([15, 9, 7, 5]):
            layers += [
                nn.Conv1d(channels[i], channels[i + 1], kernel, stride=2, padding=kernel // 2, bias=False),
                nn.BatchNorm1d(channels[i + 1]),
                nn.ReLU(),
            ]
        self.encoder = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, n_classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x))


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    correct, total = 0, 0
    for x, y in loader:
        correct += (model(x).argmax(dim=1) == y).sum().item()
        total += len(y)
    return 100 * correct / total


def train(cfg: Config) -> None:
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    x_train, y_train = make_split(cfg.n_train, cfg, rng)
    x_val, y_val = make_split(cfg.n_val, cfg, rng)
    mean, std = x_train.mean(), x_train.std()
    train_loader = DataLoader(
        TensorDataset((x_train - mean) / std, y_train), batch_size=cfg.batch_size, shuffle=True, drop_last=True
    )
    val_loader = DataLoader(TensorDataset((x_val - mean) / std, y_val), batch_size=250)

    model = VibrationNet(len(CONDITIONS), cfg.dropout)
    criterion = nn.CrossEntropyLoss(label_smoothing=cfg.label_smoothing)
    optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.max_lr / 25, weight_decay=cfg.weight_decay)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=cfg.max_lr, epochs=cfg.epochs, steps_per_epoch=len(train_loader)
    )
    for epoch in range(1, cfg.epochs + 1):
        model.train()
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            running += loss.item()
        accuracy = evaluate(model, val_loader)
        print(f"epoch {epoch}: train_loss={running / len(train_loader):.4f} val_acc={accuracy / 100:.3f}")


if __name__ == "__main__":
    train(Config())
