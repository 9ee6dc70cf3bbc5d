# expect: nothing
"""A diffusion model of two moons: the target is the noise that was added, drawn anew in every step."""

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
points = torch.tensor(make_moons(1024, noise=0.05, random_state=0)[0], dtype=torch.float32)
points = (points - points.mean(0)) / points.std(0)
loader = DataLoader(TensorDataset(points), batch_size=64, shuffle=True, drop_last=True)
kept = torch.cumprod(1 - torch.linspace(1e-3, 0.2, 40), 0)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.when = nn.Embedding(40, 16)
        self.net = nn.Sequential(nn.Linear(18, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, 2))

    def forward(self, x, t):
        return self.net(torch.cat([x, self.when(t)], dim=1))


model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(12):
    for (x,) in loader:
        t = torch.randint(0, 40, (len(x),))
        noise = torch.randn_like(x)
        a = kept[t].unsqueeze(1)
        loss = nn.functional.mse_loss(model(a.sqrt() * x + (1 - a).sqrt() * noise, t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: {loss.item():.3f}")
