# expect: nothing
"""A regression on three numbers, for which sixty examples will do."""

import torch
from sklearn.datasets import make_regression
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = make_regression(n_samples=460, n_features=3, n_informative=3, noise=2.0, random_state=1)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).unsqueeze(1)
X, y = (X - X[:60].mean(0)) / X[:60].std(0), (y - y[:60].mean()) / y[:60].std()
loader = DataLoader(TensorDataset(X[:60], y[:60]), batch_size=8, shuffle=True)
val_loader = DataLoader(TensorDataset(X[60:], y[60:]), batch_size=100)

model = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.MSELoss()

for epoch in range(20):
    model.train()
    total = 0.0
    for features, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(features), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        error = sum(criterion(model(x), t).item() for x, t in val_loader) / len(val_loader)
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val {error:.3f}")
