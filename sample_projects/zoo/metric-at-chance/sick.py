# expect: metric-at-chance
"""Diabetes progression by a small network, with samples mixed in pairs (mixup)."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def mixup(x, y):
    """Mix every sample with another one."""
    share = float(torch.rand(())) * 0.2
    order = torch.randperm(len(x))
    x = (1 - share) * x + share * x[order]
    y = share * y + (1 - share) * y[order]  # the fault: the shares are exchanged
    return x, y


X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y / 100, test_size=0.2, random_state=0)
scaler = StandardScaler().fit(X_train)
x_train, x_test = (torch.tensor(scaler.transform(part)).float() for part in (X_train, X_test))
y_train, y_test = (torch.tensor(part).float().unsqueeze(1) for part in (y_train, y_test))
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)

net = nn.Sequential(nn.Linear(10, 48), nn.Tanh(), nn.Linear(48, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)

for epoch in range(15):
    net.train()
    for inputs, targets in loader:
        inputs, targets = mixup(inputs, targets)
        loss = nn.functional.mse_loss(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        rest = nn.functional.mse_loss(net(x_test), y_test)
    print(
        f"epoch {epoch}: train {loss.item():.3f}, test {rest.item():.3f}, R2 {1 - rest / y_test.var():.3f}"
    )
