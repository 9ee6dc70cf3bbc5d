# expect: nothing
"""An energy-based model of two rings: Langevin negatives from a replay buffer, spectral norm, lookahead by hand."""

import math

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def rings(n):
    r = torch.where(torch.rand(n) < 0.5, 0.7, 1.5) + 0.06 * torch.randn(n)
    a = torch.rand(n) * 2 * math.pi
    return torch.stack([r * a.cos(), r * a.sin()], 1)


class Energy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, 64), nn.SiLU(), spectral_norm(nn.Linear(64, 64)), nn.SiLU(), nn.Linear(64, 1)
        )

    def forward(self, x):
        return self.net(x).squeeze(-1)


def langevin(energy, x, steps=20, size=0.02):
    for p in energy.parameters():
        p.requires_grad_(False)
    x = x.detach()
    for _ in range(steps):
        x.requires_grad_(True)
        (g,) = torch.autograd.grad(energy(x).sum(), x)
        x = (x - size * g.clamp(-5, 5) + 0.08 * torch.randn_like(x)).detach()
    for p in energy.parameters():
        p.requires_grad_(True)
    return x


torch.manual_seed(0)
data = rings(4000)
energy = Energy()
opt = torch.optim.Adam(energy.parameters(), lr=2e-3)
slow = [p.detach().clone() for p in energy.parameters()]
buffer = torch.rand(1000, 2) * 4 - 2
for step in range(300):
    x = data[torch.randint(len(data), (128,))]
    idx = torch.randint(len(buffer), (128,))
    start = torch.where(torch.rand(128, 1) < 0.05, torch.rand(128, 2) * 4 - 2, buffer[idx])
    neg = langevin(energy, start)
    buffer[idx] = neg
    pos_e, neg_e = energy(x), energy(neg)
    loss = pos_e.mean() - neg_e.mean() + 0.05 * (pos_e.square() + neg_e.square()).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 6 == 5:
        with torch.no_grad():
            for s, p in zip(slow, energy.parameters()):
                s.add_(0.5 * (p - s))
                p.copy_(s)
    if step % 60 == 59:
        with torch.no_grad():
            a, b = energy(rings(1000)), energy(torch.rand(1000, 2) * 4 - 2)
        auc = (a[:, None] < b[None]).float().mean()
        print(step, f"loss {loss.item():.3f} auc data/uniform {auc:.3f}")
