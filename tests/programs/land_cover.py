# expect: nothing
"""Land cover of made-up satellite tiles (red, green, blue, near infrared): semantic segmentation into five classes with
dilated convolutions and group normalisation, weighted cross entropy, SGD with momentum and a polynomial schedule."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class CFG:
    seed = 2023
    size = 24
    n_train, n_val = 800, 160
    bs = 16
    epochs = 6
    lr = 0.05
    wd = 1e-4
    classes = ["water", "field", "forest", "town", "road"]
    #             red   green blue  nir   roughness
    spectra = [(0.10, 0.16, 0.22, 0.05, 0.02),
               (0.35, 0.42, 0.22, 0.52, 0.04),
               (0.14, 0.24, 0.12, 0.50, 0.09),
               (0.42, 0.40, 0.38, 0.34, 0.16),
               (0.38, 0.38, 0.38, 0.28, 0.03)]  # fmt: skip


def make_tile(rng):
    """Patches of land around random centres, a road through some of them, all under one random light."""
    yy, xx = np.mgrid[0 : CFG.size, 0 : CFG.size]
    centres = rng.uniform(0, CFG.size, (rng.integers(3, 7), 2))
    nearest = np.hypot(yy[..., None] - centres[:, 0], xx[..., None] - centres[:, 1]).argmin(-1)
    mask = rng.choice(4, len(centres), p=[0.2, 0.35, 0.25, 0.2])[nearest]
    if rng.random() < 0.7:
        angle = rng.uniform(0, np.pi)
        across = (xx - CFG.size / 2) * np.sin(angle) - (yy - CFG.size / 2) * np.cos(angle)
        mask[np.abs(across - rng.normal(0, 4)) < rng.uniform(0.8, 1.6)] = 4
    table = np.array(CFG.spectra)
    patch_tint = rng.normal(0, 0.04, (len(centres), 4))[nearest]
    image = table[mask, :4] + patch_tint
    image += table[mask, 4:] * rng.normal(size=(CFG.size, CFG.size, 1))
    image *= rng.uniform(0.7, 1.3)
    image += rng.normal(0, 0.05, image.shape)
    return image.transpose(2, 0, 1).astype("float32"), mask.astype("int64")


class TileDataset(Dataset):
    def __init__(self, images, masks, train):
        self.images, self.masks, self.train = images, masks, train

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        img, msk = self.images[i], self.masks[i]
        if self.train:
            if torch.rand(1) < 0.5:
                img, msk = img.flip(-1), msk.flip(-1)
            k = int(torch.randint(0, 4, (1,)))
            img, msk = img.rot90(k, (-2, -1)), msk.rot90(k, (-2, -1))
        return img, msk


class Block(nn.Module):
    def __init__(self, ch, dilation):
        super().__init__()
        self.conv = nn.Conv2d(ch, ch, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.GroupNorm(4, ch)

    def forward(self, x):
        return x + F.relu(self.norm(self.conv(x)))


class SegNet(nn.Module):
    def __init__(self, in_ch, n_classes, ch=20):
        super().__init__()
        self.stem = nn.Conv2d(in_ch, ch, 3, padding=1)
        self.body = nn.Sequential(*[Block(ch, d) for d in (1, 2, 4)])
        self.head = nn.Conv2d(ch, n_classes, 1)

    def forward(self, x):
        return self.head(self.body(F.relu(self.stem(x))))


def mean_iou(confusion):
    hit = confusion.diag()
    return (hit / (confusion.sum(0) + confusion.sum(1) - hit).clamp(min=1)).mean().item()


rng = np.random.default_rng(CFG.seed)
torch.manual_seed(CFG.seed)
tiles = [make_tile(rng) for _ in range(CFG.n_train + CFG.n_val)]
images = torch.from_numpy(np.stack([t[0] for t in tiles]))
masks = torch.from_numpy(np.stack([t[1] for t in tiles]))
stats = images[: CFG.n_train]
images = (images - stats.mean((0, 2, 3), keepdim=True)) / stats.std((0, 2, 3), keepdim=True)
train_ds = TileDataset(images[: CFG.n_train], masks[: CFG.n_train], train=True)
val_ds = TileDataset(images[CFG.n_train :], masks[CFG.n_train :], train=False)
train_loader = DataLoader(train_ds, batch_size=CFG.bs, shuffle=True, drop_last=True)
val_loader = DataLoader(val_ds, batch_size=40)

n_cls = len(CFG.classes)
share = torch.bincount(train_ds.masks.flatten(), minlength=n_cls) / train_ds.masks.numel()
class_weights = share.rsqrt() / share.rsqrt().mean()
model = SegNet(4, n_cls)
criterion = nn.CrossEntropyLoss(weight=class_weights)
optimizer = torch.optim.SGD(model.parameters(), lr=CFG.lr, momentum=0.9, weight_decay=CFG.wd, nesterov=True)
total_steps = CFG.epochs * len(train_loader)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 - step / total_steps) ** 0.9)

for epoch in range(CFG.epochs):
    model.train()
    train_loss = 0
    for x, y in train_loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        train_loss += loss.item() / len(train_loader)
    model.eval()
    confusion = torch.zeros(n_cls, n_cls)
    with torch.no_grad():
        for x, y in val_loader:
            pred = model(x).argmax(1)
            confusion += torch.bincount((y * n_cls + pred).flatten(), minlength=n_cls**2).view(n_cls, n_cls)
    print(f"Epoch [{epoch + 1}/{CFG.epochs}] loss={train_loss:.4f} mIoU={mean_iou(confusion):.4f}")
