# expect: nothing
"""A physics-informed network: u'' = -u with u(0) = 0, u'(0) = 1, derivatives by autograd with respect to the input."""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
t = torch.linspace(0, 3, 60).reshape(-1, 1).requires_grad_()


def derivative(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


for step in range(400):
    u = net(t)
    du = derivative(u, t)
    residual = derivative(du, t) + u
    loss = residual.pow(2).mean() + u[0].pow(2).sum() + (du[0] - 1).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        error = (net(t) - t.sin()).abs().max().item()
        print(f"step {step}: loss {loss.item():.4f}, error {error:.3f}")
