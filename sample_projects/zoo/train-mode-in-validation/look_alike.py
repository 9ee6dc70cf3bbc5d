# expect: nothing
import numpy as np
import torch
from sklearn.datasets import make_friedman1
from torch import nn


class Regressor(nn.Module):
    """Neither dropout nor BatchNorm: train and eval mode are the same."""

    def __init__(self, n_features):
        super().__init__()
        self.inp = nn.Linear(n_features, 64)
        self.norm = nn.LayerNorm(64)
        self.mid = nn.Linear(64, 64)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        x = nn.functional.silu(self.norm(self.inp(x)))
        x = nn.functional.silu(self.mid(x))
        return self.out(x)[:, 0]


torch.manual_seed(0)
rng = np.random.default_rng(0)
X, y = make_friedman1(1600, n_features=10, noise=0.5, random_state=2)
n = 1280
X = (X - X[:n].mean(0)) / X[:n].std(0)
y = (y - y[:n].mean()) / y[:n].std()
X, y = torch.from_numpy(X).float(), torch.from_numpy(y).float()

net = Regressor(X.shape[1])
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
for epoch in range(5):
    losses = []
    for index in np.array_split(rng.permutation(n), n // 32):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(X[index]), y[index])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        residual = net(X[n:]) - y[n:]
        r2 = 1 - residual.square().mean() / y[n:].var()
    print(f"epoch {epoch} train mse {np.mean(losses):.4f} validation R2 {r2.item():.4f}")
