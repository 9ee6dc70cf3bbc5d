# expect: nothing
"""Optimises an image, not a network: the loss compares features of a fixed random network."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
features = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 16, 3, padding=1))
for parameter in features.parameters():
    parameter.requires_grad_(False)
wanted = features(torch.tensor(load_digits().images[:1], dtype=torch.float32).unsqueeze(1) / 16)
image = torch.rand(1, 1, 8, 8).requires_grad_()
optimizer = torch.optim.Adam([image], lr=0.05)
for step in range(200):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(features(image), wanted)
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step}: {loss.item():.5f}")
