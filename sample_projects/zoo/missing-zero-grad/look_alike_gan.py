# expect: nothing
"""A GAN that draws two moons."""

import torch
from sklearn.datasets import make_moons
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

points, _ = make_moons(2000, noise=0.05, random_state=0)
points = torch.tensor(StandardScaler().fit_transform(points), dtype=torch.float32)
loader = DataLoader(TensorDataset(points), batch_size=64, shuffle=True, drop_last=True)

latent_dim = 8
generator = nn.Sequential(
    nn.Linear(latent_dim, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
)
discriminator = nn.Sequential(
    nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
)
g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()

for epoch in range(12):
    for (real,) in loader:
        batch_size = real.size(0)
        ones, zeros = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)

        # discriminator: real against fake; this also clears what the generator's step left in it
        d_optimizer.zero_grad()
        fake = generator(torch.randn(batch_size, latent_dim))
        real_loss = criterion(discriminator(real), ones)
        fake_loss = criterion(discriminator(fake.detach()), zeros)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        d_optimizer.step()

        # generator: make the discriminator say "real"
        g_optimizer.zero_grad()
        fake = generator(torch.randn(batch_size, latent_dim))
        g_loss = criterion(discriminator(fake), ones)
        g_loss.backward()
        g_optimizer.step()

    with torch.no_grad():
        sample = generator(torch.randn(500, latent_dim))
        distance = torch.cdist(points, sample).min(dim=1).values.mean()
    print(f"epoch {epoch}: d {d_loss:.3f} g {g_loss:.3f}, distance to the sample {distance:.3f}")
