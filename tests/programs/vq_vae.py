# expect: nothing
"""A VQ-VAE: nearest code, straight-through, commitment loss, and codes learned by their own term."""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader


class Quantizer(nn.Module):
    def __init__(self, codes=32, width=8):
        super().__init__()
        self.codes = nn.Embedding(codes, width)
        nn.init.normal_(self.codes.weight, std=0.3)

    def forward(self, z):
        b, c, h, w = z.shape
        flat = z.permute(0, 2, 3, 1).reshape(-1, c)
        index = torch.cdist(flat, self.codes.weight).argmin(1)
        q = self.codes(index).view(b, h, w, c).permute(0, 3, 1, 2)
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        return z + (q - z).detach(), loss


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 8, 4, stride=2, padding=1)
        )
        self.quantizer = Quantizer()
        self.decoder = nn.Sequential(
            nn.Conv2d(8, 32, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)
        )

    def forward(self, x):
        z, loss = self.quantizer(self.encoder(x))
        return self.decoder(z), loss


torch.manual_seed(0)
images = torch.tensor(load_digits().images / 16.0, dtype=torch.float32).unsqueeze(1)
images = images[torch.randperm(len(images))]
loader = DataLoader(images[:1500], batch_size=32, shuffle=True)
model = VQVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
for epoch in range(12):
    model.train()
    for batch in loader:
        recon, vq = model(batch)
        loss = F.mse_loss(recon, batch) / images.var() + vq
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        error = F.mse_loss(model(images[1500:])[0], images[1500:])
    print(f"epoch {epoch} loss {loss.item():.3f} val mse {error:.4f}")
