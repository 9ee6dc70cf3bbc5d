# expect: nothing
"""Segmentation: where are the discs? Few pixels of a mask are a disc."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
grid = torch.stack(torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij"))
centres = 6 + 12 * torch.rand(1200, 2, 1, 1)
radii = 2 + 1.5 * torch.rand(1200, 1, 1)
discs = ((grid - centres) ** 2).sum(1).sqrt() < radii
images = 60 + 120 * discs.float() + 25 * torch.randn(1200, 24, 24)
images = images.clamp(0, 255) / 255
masks = discs.long()
inputs = ((images - images.mean()) / images.std()).unsqueeze(1)

train = DataLoader(TensorDataset(inputs[:1000], masks[:1000]), batch_size=25, shuffle=True)
val = DataLoader(TensorDataset(inputs[1000:], masks[1000:]), batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(4):
    model.train()
    for x, mask in train:
        loss = nn.functional.cross_entropy(model(x), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == mask).float().mean().item() for x, mask in val)
    print(f"epoch {epoch}: loss {loss.item():.4f}, pixels right {right / len(val):.3f}")
