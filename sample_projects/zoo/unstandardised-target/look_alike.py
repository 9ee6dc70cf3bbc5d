# expect: nothing
"""House prices in hundreds; the model scales its own output to the units of the target."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
n = 1600
area = 40 + 160 * torch.rand(n)
age = 60 * torch.rand(n)
distance = 0.2 + 10 * torch.rand(n)
rooms = (area / 30 + torch.randn(n)).clamp(min=1).round()
price = 1500 * area - 900 * age - 4000 * distance + 8000 * rooms + 5000 * torch.randn(n)

X = torch.stack([area, age, distance, rooms], dim=1)
X = (X - X[:1280].mean(0)) / X[:1280].std(0)
y = (price / 100).unsqueeze(1)
y_mean, y_std = y[:1280].mean(), y[:1280].std()
x_val, y_val = X[1280:], y[1280:]
train_loader = DataLoader(TensorDataset(X[:1280], y[:1280]), batch_size=32, shuffle=True)


class Scaled(nn.Module):
    """A network that answers in the units of the target."""

    def __init__(self, mean, std):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 1))
        self.mean, self.std = mean, std

    def forward(self, x):
        return self.net(x) * self.std + self.mean


model = Scaled(y_mean, y_std)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(4):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        score = nn.functional.mse_loss(model(x_val), y_val).item()
    print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, val {score:.3f}")
