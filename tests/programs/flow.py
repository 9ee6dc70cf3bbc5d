# expect: nothing
"""A normalising flow of coupling layers: the negative log-likelihood of a density may fall below zero."""
import math

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader


class Coupling(nn.Module):
    def __init__(self, dim, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(dim // 2, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, dim))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        if self.flip:
            a, b = b, a
        s, t = self.net(a).chunk(2, dim=1)
        s = torch.tanh(s)
        b = b * s.exp() + t
        y = torch.cat([b, a] if self.flip else [a, b], dim=1)
        return y, s.sum(1)


class Flow(nn.Module):
    def __init__(self, layers=6):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(2, i % 2 == 1) for i in range(layers))

    def log_prob(self, x):
        total = torch.zeros(len(x))
        for layer in self.layers:
            x, logdet = layer(x)
            total = total + logdet
        return total - 0.5 * (x**2).sum(1) - math.log(2 * math.pi)

    def forward(self, x):
        return self.log_prob(x)


torch.manual_seed(0)
points, _ = make_moons(3000, noise=0.05, random_state=0)
points = torch.tensor(points, dtype=torch.float32)
points = (points - points.mean(0)) / points.std(0)
train, held_out = points[:2500], points[2500:]
loader = DataLoader(train, batch_size=128, shuffle=True)
flow = Flow()
optimizer = torch.optim.Adam(flow.parameters(), lr=2e-3)
for epoch in range(15):
    flow.train()
    for batch in loader:
        loss = -flow(batch).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
    flow.eval()
    with torch.no_grad():
        print(f"epoch {epoch} nll {loss.item():.3f} val {-flow(held_out).mean():.3f}")
