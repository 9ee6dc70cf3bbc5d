# expect: nothing
"""MAML on sines: the inner steps are differentiated through, the outer optimizer steps once for each batch of tasks."""
import math

import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)


def tasks(count, points=10):
    amplitude = torch.rand(count, 1, 1) * 4 + 1
    phase = torch.rand(count, 1, 1) * math.pi
    x = torch.rand(count, 2 * points, 1) * 10 - 5
    return x, amplitude * torch.sin(x / 1.5 + phase)


model = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
outer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.MSELoss()


def adapted_loss(x, y, rate=0.05):
    params = dict(model.named_parameters())
    for _ in range(1):
        inner = loss_fn(functional_call(model, params, (x[:10],)), y[:10])
        grads = torch.autograd.grad(inner, list(params.values()), create_graph=True)
        params = {name: p - rate * g for (name, p), g in zip(params.items(), grads)}
    return loss_fn(functional_call(model, params, (x[10:],)), y[10:])


for step in range(200):
    xs, ys = tasks(8)
    loss = torch.stack([adapted_loss(x, y) for x, y in zip(xs, ys)]).mean()
    outer.zero_grad()
    loss.backward()
    outer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.3f}")
