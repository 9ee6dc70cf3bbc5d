# expect: unshuffled-data
"""Forecast a slow series with a network that keeps nothing from batch to batch; the windows come in order of time."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
time = torch.arange(3000, dtype=torch.float32)
series = torch.sin(time / 150) + 0.5 * torch.sin(time / 61) + 0.1 * torch.randn(3000)
windows = series.unfold(0, 25, 1)
x, y = windows[:, :24], windows[:, 24:]
loader = DataLoader(TensorDataset(x[:2400], y[:2400]), batch_size=16)  # the fault
val_loader = DataLoader(TensorDataset(x[2400:], y[2400:]), batch_size=100)

model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()

for epoch in range(4):
    model.train()
    total = 0.0
    for past, following in loader:
        optimizer.zero_grad()
        loss = criterion(model(past), following)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        error = sum(criterion(model(p), f).item() for p, f in val_loader) / len(val_loader)
    print(f"epoch {epoch}: loss {total / len(loader):.4f}, val {error:.4f}")
