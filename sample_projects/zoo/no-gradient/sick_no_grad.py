# expect: no-gradient
import numpy as np
import torch
from sklearn.datasets import make_regression
from torch import nn


class Encoder(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.fc = nn.Linear(d_in, d_out)

    def forward(self, x):
        return torch.tanh(self.fc(x))


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.left = Encoder(8, 24)
        self.right = Encoder(8, 24)
        self.out = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, left, right):
        a = self.left(left)
        with torch.no_grad():  # the fault: left over from when this tower was pretrained
            b = self.right(right)
        return self.out(torch.cat([a, b], dim=1)).squeeze(1)


def iterate(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield x[rows], y[rows]


torch.manual_seed(0)
rng = np.random.default_rng(0)
x, y = make_regression(2000, 16, n_informative=12, noise=5.0, random_state=0)
split = 1600
x = (x - x[:split].mean(0)) / x[:split].std(0)
y = (y - y[:split].mean()) / y[:split].std()
x, y = torch.from_numpy(x).float(), torch.from_numpy(y).float()

model = TwoTower()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
mse = nn.MSELoss()

for epoch in range(5):
    model.train()
    losses = []
    for xb, yb in iterate(x[:split], y[:split], 40, rng):
        loss = mse(model(xb[:, :8], xb[:, 8:]), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = mse(model(x[split:, :8], x[split:, 8:]), y[split:])
    print(f"epoch {epoch} train {np.mean(losses):.4f} val {val.item():.4f}")
