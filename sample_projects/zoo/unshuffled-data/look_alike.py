# expect: nothing
"""Forecast the next hour of a load curve; the windows are read in the order of time."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Windows(Dataset):
    """Windows of a series and the value that follows each."""

    def __init__(self, series, length):
        self.series = series
        self.length = length

    def __len__(self):
        return len(self.series) - self.length

    def __getitem__(self, start):
        window = self.series[start : start + self.length]
        return window.unsqueeze(1), self.series[start + self.length]


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        _, state = self.gru(x)
        return self.head(state[-1]).squeeze(1)


hours = torch.arange(2000, dtype=torch.float32)
series = torch.sin(hours * 6.2832 / 24) + 0.5 * torch.sin(hours * 6.2832 / 7)
series = series + 0.1 * torch.randn(2000)
train_series, val_series = series[:1600], series[1600:]
mean, std = train_series.mean(), train_series.std()
train_set = Windows((train_series - mean) / std, length=24)
val_set = Windows((val_series - mean) / std, length=24)
train_loader = DataLoader(train_set, batch_size=32, shuffle=False)
val_loader = DataLoader(val_set, batch_size=64, shuffle=False)

model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = nn.MSELoss()

for epoch in range(4):
    model.train()
    train_loss = 0.0
    for window, following in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(window), following)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        train_loss += loss.item() * len(window)

    model.eval()
    val_loss = 0.0
    with torch.no_grad():
        for window, following in val_loader:
            val_loss += loss_fn(model(window), following).item() * len(window)
    print(f"{epoch}: train {train_loss / len(train_set):.4f} val {val_loss / len(val_set):.4f}")
