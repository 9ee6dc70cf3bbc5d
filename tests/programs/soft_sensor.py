# expect: nothing
"""Soft sensor for a distillation column: 40 readings, few of which matter; L1 on the first layer, accumulation."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

READINGS = 40
ACCUMULATE = 2
EPOCHS = 20
L1 = 2e-4


def plant(n, seed=8):
    """Readings of a plant that is driven by six states, and the purity of what it makes."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(n, 6))
    mixing = np.random.default_rng(0).normal(size=(6, READINGS)) * (
        np.random.default_rng(1).random((6, READINGS)) < 0.25
    )
    gain = np.random.default_rng(2).lognormal(2, 1, READINGS)
    readings = (states @ mixing + 0.15 * rng.normal(size=(n, READINGS))) * gain + 20 * gain
    reflux, feed, pressure, heat, top, bottom = states.T
    purity = 92 + 1.6 * np.tanh(reflux) - 0.9 * feed * (feed > 0) + 0.7 * pressure * heat
    purity += 0.5 * np.sin(2 * top) + 0.3 * bottom + rng.normal(0, 0.2, n)
    return readings, purity[:, None]


class SoftSensor(nn.Module):
    def __init__(self, hidden=96):
        super().__init__()
        self.fc1 = nn.Linear(READINGS, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)
        self.act = nn.ReLU()

    def forward(self, x):
        h = self.act(self.fc1(x))
        h = self.act(self.fc2(h))
        return self.out(h)


def train(model, loader, criterion, optimizer):
    model.train()
    history = []
    optimizer.zero_grad()
    for step, (x, y) in enumerate(loader):
        loss = criterion(model(x), y) + L1 * model.fc1.weight.abs().sum()
        history.append(loss.item())
        loss = loss / ACCUMULATE
        loss.backward()
        if (step + 1) % ACCUMULATE == 0 or step + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
    return np.mean(history)


def evaluate(model, loader):
    model.eval()
    squared, n = 0.0, 0
    with torch.no_grad():
        for x, y in loader:
            squared += nn.functional.mse_loss(model(x), y, reduction="sum").item()
            n += len(y)
    return squared / n


torch.manual_seed(8)
X, Y = plant(7000)
split = int(0.8 * len(X))
order = np.random.default_rng(3).permutation(len(X))
train_idx, val_idx = order[:split], order[split:]
X = (X - X[train_idx].mean(axis=0)) / X[train_idx].std(axis=0)
Y = (Y - Y[train_idx].mean()) / Y[train_idx].std()
X, Y = torch.from_numpy(X).float(), torch.from_numpy(Y).float()
train_set, val_set = TensorDataset(X[train_idx], Y[train_idx]), TensorDataset(X[val_idx], Y[val_idx])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=256)

model = SoftSensor()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=0.3)

for epoch in range(EPOCHS):
    loss = train(model, train_loader, criterion, optimizer)
    mse = evaluate(model, val_loader)
    scheduler.step()
    print(f"epoch {epoch:>2}: training loss {loss:.4f}, validation MSE {mse:.4f}")
