# expect: nothing
"""Where is the hand of the gauge? A small ResNet finds its axis and its tip in noisy pictures."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

SIZE = 24
EPOCHS = 8
BATCH_SIZE = 32
LEARNING_RATE = 0.04

torch.manual_seed(42)


def draw_gauges(n):
    """Return pictures, and the coordinates of axis and tip from -1 to 1."""
    axis = torch.empty(n, 2).uniform_(-0.35, 0.35)
    angle, length = torch.rand(n) * 2 * math.pi, torch.empty(n).uniform_(0.3, 0.55)
    tip = axis + length.unsqueeze(1) * torch.stack([angle.cos(), angle.sin()], 1)
    line = torch.linspace(-1, 1, SIZE)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(1, -1, 2)
    a, b = axis.unsqueeze(1), tip.unsqueeze(1)
    along = (((grid - a) * (b - a)).sum(-1) / length.unsqueeze(1) ** 2).clamp(0, 1).unsqueeze(-1)
    hand = torch.exp(-((grid - a - along * (b - a)) ** 2).sum(-1) / 0.006)
    hub = torch.exp(-((grid - a) ** 2).sum(-1) / 0.04)
    pictures = torch.maximum(hand, hub).view(n, 1, SIZE, SIZE)
    brightness = torch.empty(n, 1, 1, 1).uniform_(0.7, 1.0)
    return pictures * brightness + 0.1 * torch.randn(n, 1, SIZE, SIZE), torch.cat([axis, tip], 1)


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class KeypointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.stages = nn.Sequential(ResidualBlock(8, 16, 2), ResidualBlock(16, 32, 2), ResidualBlock(32, 32))
        self.neck = nn.Sequential(nn.Conv2d(32, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.fc = nn.Linear(8 * (SIZE // 4) ** 2, 4)

    def forward(self, x):
        x = self.neck(self.stages(self.stem(x)))
        return self.fc(torch.flatten(x, 1))


images, points = draw_gauges(2400)
images = (images - images.mean()) / images.std()
train_set, val_set = random_split(TensorDataset(images, points), [2000, 400])
train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=160)

net = KeypointNet()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=0.9, nesterov=True, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[5, 7], gamma=0.2)

for epoch in range(EPOCHS):
    net.train()
    train_loss = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        pred = net(xb)
        loss = criterion(pred, yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    scheduler.step()

    net.eval()
    distance = 0.0
    with torch.no_grad():
        for xb, yb in val_loader:
            offsets = (net(xb) - yb).view(-1, 2, 2)
            distance += offsets.norm(dim=2).mean(1).sum().item()
    pixels = distance / len(val_set) * (SIZE - 1) / 2
    print("epoch %d: train loss %.5f, off by (pixels): %.3f" % (epoch + 1, train_loss / len(train_loader), pixels))
