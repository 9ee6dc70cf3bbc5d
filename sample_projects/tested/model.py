"""A small classifier of handwritten digits."""

from torch import nn


class Digits(nn.Module):
    def __init__(self, width: int = 64):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, width), nn.LayerNorm(width), nn.ReLU())
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        return self.head(self.body(images))
