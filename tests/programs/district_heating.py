# expect: nothing
"""The load of a district heating network over the next twelve hours, from the last day and a half and a weather
forecast: a small transformer encoder, Huber loss, AdamW under a warm-up with cosine decay, gradients clipped at 1."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

PAST, AHEAD = 36, 12


def simulate_hours(n_days: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Load in MW, outside temperature in degrees, and the hour since the start (a Monday)."""
    hour = np.arange(24 * n_days)
    slow = np.zeros(n_days + 1)
    for day in range(1, n_days + 1):
        slow[day] = 0.8 * slow[day - 1] + rng.normal(0, 2.5)
    temp = 3 + np.interp(hour / 24, np.arange(n_days + 1), slow) + 3 * np.sin(2 * np.pi * (hour - 9) / 24)
    weekend = (hour // 24) % 7 >= 5
    clock = hour % 24
    morning = np.exp(-0.5 * ((clock - np.where(weekend, 9.5, 6.5)) / 1.5) ** 2)
    evening = np.exp(-0.5 * ((clock - 19) / 2.5) ** 2)
    inertia = np.convolve(temp, np.exp(-np.arange(24) / 6) / np.exp(-np.arange(24) / 6).sum())[: len(temp)]
    wear = np.zeros(len(hour))
    for i in range(1, len(hour)):
        wear[i] = 0.95 * wear[i - 1] + rng.normal(0, 0.5)
    load = 40 + 1.6 * np.clip(17 - inertia, 0, None) + 12 * morning + 7 * evening + wear
    return load + rng.normal(0, 0.8, len(hour)), temp, hour


def make_windows(load: Tensor, temp: Tensor, hour: Tensor) -> TensorDataset:
    """Tokens are hours: the past ones carry the load, the ones ahead a zero in its place and a flag."""
    day, week = 2 * math.pi * hour / 24, 2 * math.pi * hour / 168
    calendar = torch.stack([temp, day.sin(), day.cos(), week.sin(), week.cos()], dim=1)
    tokens, targets = [], []
    for start in range(len(load) - PAST - AHEAD + 1):
        middle, end = start + PAST, start + PAST + AHEAD
        seen = torch.cat([load[start:middle], torch.zeros(AHEAD)])
        ahead = torch.cat([torch.zeros(PAST), torch.ones(AHEAD)])
        tokens.append(torch.cat([seen[:, None], ahead[:, None], calendar[start:end]], dim=1))
        targets.append(load[middle:end])
    return TensorDataset(torch.stack(tokens), torch.stack(targets))


class LoadForecaster(nn.Module):
    def __init__(self, n_features: int, d_model: int = 32, n_heads: int = 4, n_layers: int = 2):
        super().__init__()
        self.project = nn.Linear(n_features, d_model)
        self.position = nn.Parameter(0.02 * torch.randn(PAST + AHEAD, d_model))
        layer = nn.TransformerEncoderLayer(d_model, n_heads, 2 * d_model, dropout=0.05, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, n_layers)
        self.head = nn.Linear(d_model, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.encoder(self.project(tokens) + self.position)
        return self.head(x[:, PAST:]).squeeze(-1)


class Trainer:
    def __init__(self, model: nn.Module, train_set: TensorDataset, val_set: TensorDataset, unit: float, epochs: int):
        self.model, self.unit, self.epochs = model, unit, epochs
        self.train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
        self.val_loader = DataLoader(val_set, batch_size=128)
        self.loss_fn = nn.HuberLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
        total, warmup = epochs * len(self.train_loader), 50

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))

        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, factor)

    def train_epoch(self) -> float:
        self.model.train()
        losses = []
        for tokens, target in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(tokens), target)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=1.0)
            self.optimizer.step()
            self.scheduler.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    @torch.no_grad()
    def validate(self) -> float:
        self.model.eval()
        errors = [(self.model(tokens) - target).abs() for tokens, target in self.val_loader]
        return torch.cat(errors).mean().item() * self.unit

    def fit(self) -> None:
        for epoch in range(1, self.epochs + 1):
            train_loss = self.train_epoch()
            print(f"[epoch {epoch}] huber: {train_loss:.4f}, validation MAE: {self.validate():.3f} MW", flush=True)


if __name__ == "__main__":
    seed = 8
    torch.manual_seed(seed)
    load, temp, hour = simulate_hours(91, np.random.default_rng(seed))
    split = 24 * 70  # ten weeks to learn from, the last three to validate
    load_mean, load_std = load[:split].mean(), load[:split].std()
    temp_mean, temp_std = temp[:split].mean(), temp[:split].std()
    series = [(load - load_mean) / load_std, (temp - temp_mean) / temp_std, hour]
    load_t, temp_t, hour_t = (torch.tensor(s, dtype=torch.float32) for s in series)
    train_set = make_windows(load_t[:split], temp_t[:split], hour_t[:split])
    val_set = make_windows(load_t[split:], temp_t[split:], hour_t[split:])
    yesterday = np.abs(load[split + 24 :] - load[split:-24]).mean()
    print(f"{len(train_set)} training windows, {len(val_set)} to validate; same hour yesterday: {yesterday:.2f} MW")
    Trainer(LoadForecaster(n_features=7), train_set, val_set, unit=float(load_std), epochs=6).fit()
