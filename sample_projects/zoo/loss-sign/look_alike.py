# expect: nothing
"""The density of two moons as a mixture of Gaussians: the negative log-likelihood goes below zero, rightly."""

import math

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
points, _ = make_moons(2000, noise=0.03, random_state=0)
points = torch.tensor(points, dtype=torch.float32)
x, t = points[:, :1], points[:, 1:]
x, t = (x - x[:1600].mean()) / x[:1600].std(), 0.1 * (t - t[:1600].mean()) / t[:1600].std()
train_loader = DataLoader(TensorDataset(x[:1600], t[:1600]), batch_size=64, shuffle=True)


class MixtureDensity(nn.Module):
    def __init__(self, parts=6):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.weight = nn.Linear(64, parts)
        self.mean = nn.Linear(64, parts)
        self.log_std = nn.Linear(64, parts)

    def forward(self, x):
        h = self.body(x)
        return torch.log_softmax(self.weight(h), 1), self.mean(h), self.log_std(h).clamp(-6, 2)


def log_likelihood(outputs, t):
    weight, mean, log_std = outputs
    z = (t - mean) / log_std.exp()
    parts = weight - 0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi)
    return torch.logsumexp(parts, 1)


model = MixtureDensity()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(8):
    model.train()
    for inputs, targets in train_loader:
        loss = -log_likelihood(model(inputs), targets).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        held_out = -log_likelihood(model(x[1600:]), t[1600:]).mean()
    print(f"epoch {epoch}: train {loss.item():.3f}, validation {held_out.item():.3f}")
