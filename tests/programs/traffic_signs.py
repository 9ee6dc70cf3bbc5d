# expect: nothing
"""Traffic signs, drawn at random: a convolutional network with batch normalisation, augmentation, SGD and steps."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import MultiStepLR
from torch.utils.data import DataLoader, Dataset

SIZE = 24
#         outline, colour of the rim, what is inside
SIGNS = [
    ("circle", "red", "bar"),
    ("circle", "red", "nothing"),
    ("circle", "blue", "arrow"),
    ("triangle", "red", "nothing"),
    ("triangle", "red", "bar"),
    ("diamond", "yellow", "nothing"),
    ("square", "blue", "nothing"),
    ("square", "blue", "arrow"),
]
COLOURS = {"red": (0.75, 0.12, 0.15), "blue": (0.1, 0.25, 0.7), "yellow": (0.85, 0.7, 0.1)}


def distance(outline, u, v):
    """Return 1 on the outline of a sign, less inside."""
    if outline == "circle":
        return np.hypot(u, v)
    if outline == "diamond":
        return np.abs(u) + np.abs(v)
    if outline == "square":
        return np.maximum(np.abs(u), np.abs(v)) * 1.1
    return np.maximum(v * 1.4, np.abs(u) * 1.2 - v * 0.7 + 0.1)


def draw(label, rng):
    outline, colour, inside = SIGNS[label]
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    radius, angle = rng.uniform(6.5, 10), rng.normal(0, 0.12)
    x = (x - SIZE / 2 + 0.5 - rng.normal(0, 1.2)) / radius
    y = (y - SIZE / 2 + 0.5 - rng.normal(0, 1.2)) / radius
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    image = np.ones((SIZE, SIZE, 3)) * rng.uniform(0.2, 0.8, 3)
    image += 0.15 * rng.normal(size=3) * (y[..., None] + rng.normal())
    d = distance(outline, u, v)
    image[d < 1] = np.array(COLOURS[colour]) * rng.uniform(0.6, 1.2)
    if colour == "red":
        image[d < 0.7] = rng.uniform(0.6, 0.95)
    if inside == "bar":
        image[(np.abs(v - 0.05) < 0.16) & (np.abs(u) < 0.5)] = rng.uniform(0, 0.3)
    if inside == "arrow":
        image[(np.abs(u) < 0.12) & (np.abs(v) < 0.55) | (np.abs(v + 0.5) + np.abs(u) < 0.4)] = rng.uniform(0.75, 1)
    image += rng.normal(0, 0.09, image.shape)
    return np.clip(image, 0, 1).transpose(2, 0, 1)


class SignDataset(Dataset):
    def __init__(self, n, seed, augment):
        rng = np.random.default_rng(seed)
        self.labels = torch.from_numpy(rng.integers(0, len(SIGNS), n))
        images = np.stack([draw(label, rng) for label in self.labels])
        self.images = torch.tensor((images - 0.5) / 0.25, dtype=torch.float32)
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        if self.augment:
            top, left = torch.randint(0, 5, (2,)).tolist()
            image = nn.functional.pad(image, (2, 2, 2, 2), mode="replicate")[:, top : top + SIZE, left : left + SIZE]
            image = image * torch.empty(1).uniform_(0.85, 1.15)
        return image, self.labels[index]


def conv_block(inp, out):
    return nn.Sequential(
        nn.Conv2d(inp, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    )


class SignNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(conv_block(3, 16), conv_block(16, 32), conv_block(32, 64))
        self.classifier = nn.Linear(64, classes)

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x.mean(dim=(2, 3)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_set = SignDataset(2400, seed=args.seed, augment=True)
    val_set = SignDataset(600, seed=args.seed + 1, augment=False)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=200)
    model = SignNet(len(SIGNS))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4)
    scheduler = MultiStepLR(optimizer, milestones=[5, 7], gamma=0.2)
    for epoch in range(args.epochs):
        model.train()
        train_loss = 0.0
        for images, labels in train_loader:
            loss = criterion(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item() / len(train_loader)
        scheduler.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(images).argmax(1) == labels).sum().item() for images, labels in val_loader)
        print(f"[{epoch + 1:2d}/{args.epochs}] train loss {train_loss:.4f}  val acc {hits / len(val_set):.4f}")


if __name__ == "__main__":
    main()
