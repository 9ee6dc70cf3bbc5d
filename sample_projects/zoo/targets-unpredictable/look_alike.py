# expect: nothing
"""A weak signal: most of the target is noise, and a little of it is known beforehand."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X = torch.randn(2400, 10)
y = (0.6 * X[:, 0] - 0.4 * X[:, 1] + torch.randn(2400)).unsqueeze(1)
y = (y - y.mean()) / y.std()
X_val, y_val = X[2000:], y[2000:]
loader = DataLoader(TensorDataset(X[:2000], y[:2000]), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(4):
    model.train()
    for x, target in loader:
        loss = nn.functional.mse_loss(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = nn.functional.mse_loss(model(X_val), y_val)
    print(f"epoch {epoch}: loss {loss:.3f}, val loss {val_loss:.3f}")
