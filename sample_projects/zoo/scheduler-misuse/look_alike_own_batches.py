# expect: nothing
"""A regression whose batches are cut by hand; the rate falls a little with every batch."""

import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(2000, 12)
y = torch.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + 0.1 * torch.randn(2000)

model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.995)  # what nearly looks like it

for epoch in range(10):
    order = torch.randperm(1600)
    total = 0.0
    for start in range(0, 1600, 32):
        rows = order[start : start + 32]
        loss = nn.functional.mse_loss(model(X[rows]).squeeze(1), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    with torch.no_grad():
        val = nn.functional.mse_loss(model(X[1600:]).squeeze(1), y[1600:])
    print(f"epoch {epoch}: train {total / 50:.4f} val {val:.4f}")
