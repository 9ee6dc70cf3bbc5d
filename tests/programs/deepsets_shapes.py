# expect: nothing
"""Which solid do the points lie on? DeepSets: the same network for each point, a maximum over all, a classifier."""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SHAPES = ("sphere", "cube", "cylinder", "cone", "torus")


def sample_points(shape, n, generator):
    u, v = torch.rand(n, generator=generator), torch.rand(n, generator=generator)
    turn = 2 * math.pi * u
    if shape == "sphere":
        points = torch.randn(n, 3, generator=generator)
        return points / points.norm(dim=1, keepdim=True)
    if shape == "cube":
        points = 2 * torch.rand(n, 3, generator=generator) - 1
        side = torch.randint(3, (n, 1), generator=generator)
        return 0.8 * points.scatter(1, side, points.gather(1, side).sign())
    if shape == "cylinder":
        return torch.stack([0.8 * turn.cos(), 0.8 * turn.sin(), 1.8 * v - 0.9], dim=1)
    if shape == "cone":
        return torch.stack([v.sqrt() * turn.cos(), v.sqrt() * turn.sin(), 1 - 2 * v.sqrt()], dim=1)
    ring = 0.75 + 0.3 * torch.cos(2 * math.pi * v)
    return torch.stack([ring * turn.cos(), ring * turn.sin(), 0.3 * torch.sin(2 * math.pi * v)], dim=1)


class PointClouds(Dataset):
    """Solids, turned and stretched; the training set adds a little jitter each time, as PointNet does."""

    def __init__(self, clouds, points=56, jitter=0.0, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.jitter, self.clouds, self.labels = jitter, [], []
        for i in range(clouds):
            label = i % len(SHAPES)
            cloud = sample_points(SHAPES[label], points, generator)
            cloud = cloud * (0.8 + 0.4 * torch.rand(3, generator=generator))
            rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator))
            cloud = cloud @ rotation + 0.02 * torch.randn(points, 3, generator=generator)
            self.clouds.append((cloud - cloud.mean(0)) / cloud.std())
            self.labels.append(label)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        cloud = self.clouds[index]
        if self.jitter:
            cloud = cloud + self.jitter * torch.randn_like(cloud)
        return cloud, self.labels[index]


class DeepSets(nn.Module):
    def __init__(self, classes, width=64):
        super().__init__()
        self.phi = nn.Sequential(
            nn.Conv1d(3, width, 1),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, 2 * width, 1),
        )
        self.rho = nn.Sequential(
            nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, classes)
        )

    def forward(self, x):
        pooled, _ = self.phi(x.transpose(1, 2)).max(dim=2)
        return self.rho(pooled)


class Trainer:
    def __init__(self, model, train_loader, val_loader, lr=4e-3):
        self.model = model
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.history = []

    def train_epoch(self):
        self.model.train()
        total, seen = 0.0, 0
        for points, labels in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(points), labels)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(labels)
            seen += len(labels)
        return total / seen

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        hits = sum((self.model(points).argmax(1) == labels).sum().item() for points, labels in self.val_loader)
        return hits / len(self.val_loader.dataset)

    def fit(self, epochs):
        for epoch in range(epochs):
            loss = self.train_epoch()
            self.history.append(self.validate())
            print(f"Epoch {epoch + 1}: loss = {loss:.4f}, val_acc = {self.history[-1]:.4f}")


if __name__ == "__main__":
    torch.manual_seed(1)
    train_loader = DataLoader(PointClouds(1500, jitter=0.02, seed=1), batch_size=20, shuffle=True)
    val_loader = DataLoader(PointClouds(400, seed=2), batch_size=100)
    trainer = Trainer(DeepSets(len(SHAPES)), train_loader, val_loader)
    trainer.fit(epochs=12)
