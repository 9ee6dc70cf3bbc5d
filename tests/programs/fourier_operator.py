# expect: nothing
"""What waves become after a while, by a Fourier neural operator: its weights are complex numbers."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class SpectralConv1d(nn.Module):
    def __init__(self, channels, modes):
        super().__init__()
        self.modes = modes
        self.weight = nn.Parameter(torch.randn(channels, channels, modes, dtype=torch.cfloat) / channels)

    def forward(self, x):
        ft = torch.fft.rfft(x)
        out = torch.zeros_like(ft)
        out[:, :, : self.modes] = torch.einsum("bix,iox->box", ft[:, :, : self.modes], self.weight)
        return torch.fft.irfft(out, n=x.shape[-1])


class FNO(nn.Module):
    def __init__(self, width=24, modes=12):
        super().__init__()
        self.lift = nn.Conv1d(2, width, 1)
        self.spectral = nn.ModuleList(SpectralConv1d(width, modes) for _ in range(3))
        self.local = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(3))
        self.project = nn.Sequential(nn.Conv1d(width, 48, 1), nn.GELU(), nn.Conv1d(48, 1, 1))

    def forward(self, x):
        grid = torch.linspace(0, 1, x.shape[-1]).expand(x.shape[0], 1, -1)
        x = self.lift(torch.cat([x, grid], 1))
        for spectral, local in zip(self.spectral, self.local, strict=True):
            x = nn.functional.gelu(spectral(x) + local(x))
        return self.project(x)


def solve(n, points=64):
    k = torch.arange(1, 6)
    a, phase = torch.randn(n, 5) / k, torch.rand(n, 5) * 6.28
    t = torch.linspace(0, 1, points)
    def waves(damp):
        return (a * damp)[:, :, None] * torch.sin(6.28 * k[None, :, None] * t + phase[:, :, None])

    u0 = waves(torch.ones(5)).sum(1)
    u1 = waves(torch.exp(-0.05 * k.float() ** 2)).sum(1)
    return u0[:, None], (u1 - 0.1 * u1.roll(3, -1) * u1)[:, None]


train_set, val_set = TensorDataset(*solve(800)), TensorDataset(*solve(200))
loader, val_loader = DataLoader(train_set, 20, shuffle=True), DataLoader(val_set, 50)
model = FNO()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
loss_fn = nn.MSELoss()
for epoch in range(12):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    scheduler.step()
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    print(f"epoch {epoch} train {total:.5f} val {val:.5f}")
