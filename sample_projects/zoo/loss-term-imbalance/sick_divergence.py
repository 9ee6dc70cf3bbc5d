# expect: loss-term-imbalance
"""A variational autoencoder; the error is a mean over the pixels, and the divergence is made heavier still."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X = torch.tensor(load_digits().images / 16, dtype=torch.float32).flatten(1)
X = X[torch.randperm(len(X))]
loader = DataLoader(TensorDataset(X[:1400]), batch_size=32, shuffle=True)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(96, 8), nn.Linear(96, 8)
        self.decoder = nn.Sequential(nn.Linear(8, 96), nn.ReLU(), nn.Linear(96, 64), nn.Sigmoid())

    def forward(self, x):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.decoder(code), mean, log_variance


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(6):
    model.train()
    total = 0.0
    for (images,) in loader:
        output, mean, log_variance = model(images)
        reconstruction = F.mse_loss(output, images)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
        loss = reconstruction + 100.0 * divergence  # the fault: the error is a mean over pixels
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        output, mean, log_variance = model(X[1400:])
        error = F.mse_loss(output, X[1400:]).item()
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val error {error:.4f}")
