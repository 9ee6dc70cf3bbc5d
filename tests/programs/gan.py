# expect: nothing
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
angle = torch.rand(2048) * 2 * math.pi
ring = torch.stack([angle.cos(), angle.sin()], 1) * 1.4 + 0.05 * torch.randn(2048, 2)
loader = DataLoader(TensorDataset(ring), batch_size=64, shuffle=True)
latent = 4

generator = nn.Sequential(
    nn.Linear(latent, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 2)
)
discriminator = nn.Sequential(
    nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
)
criterion = nn.BCEWithLogitsLoss()
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))

for epoch in range(25):
    for (real,) in loader:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)

        # discriminator: real against generated
        fake = generator(torch.randn(len(real), latent))
        opt_d.zero_grad()
        loss_d = criterion(discriminator(real), ones) + criterion(
            discriminator(fake.detach()), zeros
        )
        loss_d.backward()
        opt_d.step()

        # generator: be taken for real
        opt_g.zero_grad()
        loss_g = criterion(discriminator(fake), ones)
        loss_g.backward()
        opt_g.step()

    if epoch % 5 == 4:
        with torch.no_grad():
            radius = generator(torch.randn(500, latent)).norm(dim=1)
        print(
            f"epoch {epoch + 1}: D {loss_d.item():.3f} G {loss_g.item():.3f} "
            f"radius {radius.mean().item():.2f} +- {radius.std().item():.2f} (real 1.40)"
        )
