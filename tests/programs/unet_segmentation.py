# expect: nothing
"""A small U-Net that separates discs from background: cross-entropy over every pixel."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def block(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.up = block(1, 12), block(12, 24), block(36, 12)
        self.out = nn.Conv2d(12, 2, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        return self.out(self.up(torch.cat([a, F.interpolate(b, scale_factor=2)], dim=1)))


grid = torch.stack(torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij"))
centre, radius = torch.rand(320, 2, 1, 1) * 10 + 3, torch.rand(320, 1, 1) * 3 + 2
masks = ((grid - centre) ** 2).sum(1).sqrt() < radius
images = masks.float().unsqueeze(1) + 0.4 * torch.randn(320, 1, 16, 16)
train = DataLoader(TensorDataset(images[:256], masks[:256].long()), batch_size=16, shuffle=True)
test = DataLoader(TensorDataset(images[256:], masks[256:].long()), batch_size=32)
model = UNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(6):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).float().mean().item() for x, y in test) / len(test)
    print(f"epoch {epoch}: loss {loss.item():.3f}, pixel accuracy {hits:.3f}")
