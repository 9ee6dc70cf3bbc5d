# expect: discarded-gradient
"""Diabetes progression: one network for the mean, another for the spread, each with its optimizer."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
X_train, X_test = X[:350], X[350:]
scaler = StandardScaler().fit(X_train)
X_train, X_test = (torch.tensor(scaler.transform(part)).float() for part in (X_train, X_test))
y = torch.tensor((y - y[:350].mean()) / y[:350].std()).float().unsqueeze(1)
y_train, y_test = y[:350], y[350:]
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)

mean_net = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
spread_net = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
mean_optimizer = torch.optim.Adam(mean_net.parameters(), lr=3e-3)
spread_optimizer = torch.optim.Adam(spread_net.parameters(), lr=3e-3)

for epoch in range(12):
    for inputs, targets in loader:
        prediction = mean_net(inputs)
        loss = nn.functional.mse_loss(prediction, targets)
        mean_optimizer.zero_grad()
        loss.backward()
        mean_optimizer.step()

        rest = (prediction.detach() - targets).abs()
        spread_loss = nn.functional.mse_loss(spread_net(inputs), rest)
        spread_optimizer.zero_grad()
        spread_loss.backward()
        mean_optimizer.step()  # the fault: the other optimizer is meant
    with torch.no_grad():
        test = nn.functional.mse_loss(mean_net(X_test), y_test)
    print(
        f"epoch {epoch}: mean {loss.item():.3f}, spread {spread_loss.item():.3f}, test {test:.3f}"
    )
