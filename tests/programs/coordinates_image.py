# expect: nothing
"""An implicit image: coordinates in, grey value out, sines for activations, random pixels as batches."""
import math

import torch
from sklearn.datasets import load_sample_image
from torch import nn

torch.manual_seed(0)
picture = torch.tensor(load_sample_image("flower.jpg")[::8, ::8].mean(-1) / 127.5 - 1, dtype=torch.float32)
height, width = picture.shape
ys, xs = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
coords = torch.stack([xs, ys], -1).view(-1, 2)
values = picture.reshape(-1, 1)


class Sine(nn.Module):
    def __init__(self, a, b, first=False, omega=20.0):
        super().__init__()
        self.omega = omega
        self.linear = nn.Linear(a, b)
        bound = 1 / a if first else math.sqrt(6 / a) / omega
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.omega * self.linear(x))


model = nn.Sequential(Sine(2, 64, first=True), Sine(64, 64), Sine(64, 64), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(600):
    index = torch.randint(0, len(coords), (512,))
    loss = nn.functional.mse_loss(model(coords[index]), values[index])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        with torch.no_grad():
            mse = nn.functional.mse_loss(model(coords), values)
        print(f"step {step} loss {loss.item():.4f} psnr {10 * math.log10(4 / mse):.1f}")
