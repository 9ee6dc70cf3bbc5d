# expect: nothing
"""A regression of mean and variance: targets of small spread make densities above one, and losses below zero."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.rand(1500, 2) * 2 - 1
spread = 0.02 + 0.03 * x[:, 1].abs()
t = 0.3 * torch.sin(3 * x[:, 0]) + 0.2 * x[:, 1] + spread * torch.randn(1500)
train_loader = DataLoader(TensorDataset(x[:1200], t[:1200]), batch_size=48, shuffle=True)


class MeanAndVariance(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))

    def forward(self, x):
        mean, spread = self.body(x).unbind(1)
        return mean, nn.functional.softplus(spread) ** 2 + 1e-4


model = MeanAndVariance()
criterion = nn.GaussianNLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(12):
    model.train()
    for inputs, targets in train_loader:
        mean, variance = model(inputs)
        loss = criterion(mean, targets, variance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        mean, variance = model(x[1200:])
        held_out = criterion(mean, t[1200:], variance)
    print(f"epoch {epoch}: train {loss.item():.3f}, validation {held_out.item():.3f}")
