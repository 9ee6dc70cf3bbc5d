# expect: nothing
"""Clouds of points of three shapes, in another order each time they are drawn, and a network that knows no order."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
rng = np.random.default_rng(0)


def cloud(kind):
    points = rng.standard_normal((3, 64))
    if kind == 0:  # a shell
        points /= np.linalg.norm(points, axis=0)
    elif kind == 1:  # a cube
        points = rng.uniform(-1, 1, (3, 64))
    else:  # a disc
        points[2] *= 0.1
    return (points + 0.05 * rng.standard_normal((3, 64))).astype(np.float32)


class Clouds(Dataset):
    def __init__(self, count):
        self.kinds = rng.integers(0, 3, count)
        self.clouds = np.stack([cloud(kind) for kind in self.kinds])

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, index):
        order = np.random.permutation(64)  # what nearly looks like it: points change places whole
        return torch.from_numpy(self.clouds[index][:, order]), int(self.kinds[index])


class PointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.each = nn.Sequential(nn.Conv1d(3, 32, 1), nn.ReLU(), nn.Conv1d(32, 64, 1), nn.ReLU())
        self.head = nn.Linear(64, 3)

    def forward(self, x):
        return self.head(self.each(x).amax(dim=2))


train = DataLoader(Clouds(1500), batch_size=30, shuffle=True)
val = DataLoader(Clouds(400), batch_size=100)
model = PointNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(5):
    model.train()
    for x, kind in train:
        loss = nn.functional.cross_entropy(model(x), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == kind).sum().item() for x, kind in val)
    print(f"epoch {epoch}: loss {loss.item():.4f}, val accuracy {right / 400:.3f}")
