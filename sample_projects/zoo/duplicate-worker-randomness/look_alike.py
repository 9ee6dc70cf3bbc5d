# expect: nothing
"""Digits with random brightness and noise, loaded by two workers."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Jitter:
    def __init__(self, amount, seed):
        self.amount = amount
        self.rng = np.random.default_rng(seed)

    def __call__(self, image):
        noise = self.rng.standard_normal(image.shape, dtype=np.float32)
        return (1 + self.amount * self.rng.random()) * image + self.amount * noise


class Digits(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images = ((images - 4.88) / 6.02).astype(np.float32)
        self.labels = labels
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = self.images[i]
        if self.transform is not None:
            image = self.transform(image)
        return torch.from_numpy(image), self.labels[i]


def seed_worker(_):
    info = torch.utils.data.get_worker_info()
    info.dataset.transform.rng = np.random.default_rng(info.seed)


def main():
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    train, val = order[:1440], order[1440:]
    train_loader = DataLoader(
        Digits(images[train], labels[train], Jitter(0.1, seed=1)),
        batch_size=32,
        shuffle=True,
        num_workers=2,
        worker_init_fn=seed_worker,
    )
    val_loader = DataLoader(Digits(images[val], labels[val]), batch_size=119)

    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(4):
        model.train()
        for x, y in train_loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {right / len(val):.3f}")


if __name__ == "__main__":
    main()
