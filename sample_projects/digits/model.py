"""The network."""

from torch import nn


def block(channels_in, channels_out):
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


class Net(nn.Module):
    """Two convolutional blocks and a classifier for 8 x 8 grey images."""

    def __init__(self, classes=10, dropout=0.25):
        super().__init__()
        self.features = nn.Sequential(block(1, 16), block(16, 32))
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(32 * 2 * 2, 64),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(64, classes),
        )

    def forward(self, x):
        return self.classifier(self.features(x))
