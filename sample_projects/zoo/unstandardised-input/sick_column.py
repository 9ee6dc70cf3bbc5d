# expect: unstandardised-input
"""Power of a heat pump from its temperatures in kelvin and a pressure."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

n = 1600
outside = 280 + 8 * torch.randn(n)
supply = 315 + 6 * torch.randn(n)
pressure = 500 + 10 * torch.randn(n)
power = 0.1 * (supply - outside) + 0.05 * (pressure - 500) + 0.002 * (outside - 280) ** 2
power = power + 0.1 * torch.randn(n)

X = torch.stack([outside, supply, pressure], dim=1)  # the fault: used as measured
X_train, X_val, y_train, y_val = X[:1280], X[1280:], power[:1280], power[1280:]
y_mean, y_std = y_train.mean(), y_train.std()
y_train, y_val = (y_train - y_mean) / y_std, (y_val - y_mean) / y_std

loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x).squeeze(-1)


model = Regressor()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
mse = nn.MSELoss()

for epoch in range(5):
    model.train()
    losses = []
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = mse(model(X_val), y_val).item()
    print(f"epoch {epoch}: train mse {sum(losses) / len(losses):.3f}, val mse {val:.3f}")
