# expect: nothing
"""House prices, with flags of rare features beside the measurements."""

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
flags = (torch.rand(n, 3) < torch.tensor([0.3, 0.02, 0.002])).float()  # garden, pool, listed
X = torch.cat([X, flags], dim=1)
y = price + 30000 * flags.sum(1)
y = ((y - y[:1280].mean()) / y[:1280].std()).unsqueeze(1)
x_val, y_val = X[1280:], y[1280:]
train_loader = DataLoader(TensorDataset(X[:1280], y[:1280]), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
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
