"""Masks of rectangles in noise: a loss module of its own adds the Dice coefficient to a cross-entropy."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class DiceBCELoss(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, logits, mask):
        p, m = torch.sigmoid(logits).flatten(1), mask.flatten(1)
        overlap = (p * m).sum(1)
        dice = 1 - (2 * overlap + self.smooth) / (p.sum(1) + m.sum(1) + self.smooth)
        return dice.mean() + F.binary_cross_entropy_with_logits(logits, mask)


def make(n):
    images, masks = 0.5 * torch.randn(n, 1, 16, 16), torch.zeros(n, 1, 16, 16)
    for i in range(n):
        top, left = torch.randint(0, 10, (2,)).tolist()
        height, width = torch.randint(4, 7, (2,)).tolist()
        masks[i, 0, top : top + height, left : left + width] = 1
    return images + 1.5 * (masks - masks.mean()), masks


torch.manual_seed(0)
train = DataLoader(TensorDataset(*make(1200)), batch_size=32, shuffle=True)
val_images, val_masks = make(200)

layers = []
for width_in, width_out in ((1, 12), (12, 12)):
    layers += [nn.Conv2d(width_in, width_out, 3, padding=1), nn.BatchNorm2d(width_out), nn.ReLU()]
model = nn.Sequential(*layers, nn.Conv2d(12, 1, 1))
criterion = DiceBCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(5):
    model.train()
    for images, masks in train:
        loss = criterion(model(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = model(val_images)
        hit = ((logits > 0) & (val_masks > 0)).sum() / ((logits > 0) | (val_masks > 0)).sum()
        print(f"epoch {epoch} loss {loss.item():.4f} val {criterion(logits, val_masks):.4f} iou {hit:.3f}")
