# expect: nothing
"""How many ambulances are called for in an hour, by district: Poisson regression with batches cut by hand."""

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(5)
rng = np.random.default_rng(5)

# ---- data: one row for each district and every third hour of two years or so
districts = 6
days = 330
hours = np.arange(0, 24, 3)
day, hour, district = (a.ravel() for a in np.meshgrid(np.arange(days), hours, np.arange(districts), indexing="ij"))
n = len(day)
temperature = 11 - 10 * np.cos(2 * np.pi * day / 365) + 4 * np.sin(2 * np.pi * (hour - 9) / 24)
temperature = temperature + np.repeat(rng.normal(0, 3, days), n // days)
rain = np.repeat(rng.gamma(0.4, 4, days) * (rng.random(days) < 0.4), n // days)
weekend = (day % 7 >= 5).astype(float)
event = (np.repeat(rng.random(days) < 0.1, n // days) & (district == 2)).astype(float)

size = np.array([0.3, 0.8, 1.3, 0.1, 0.6, -0.3])[district]
nightlife = np.array([0.0, 0.2, 0.9, 0.0, 0.4, 0.0])[district]
log_rate = (
    0.9
    + size
    + 0.45 * np.sin(2 * np.pi * (hour - 10) / 24)
    + nightlife * weekend * (hour <= 3)
    + 0.004 * (temperature - 15) ** 2 * (temperature > 15)
    + 0.12 * np.log1p(rain)
    + 0.6 * event * (hour >= 15)
)
calls = rng.poisson(np.exp(log_rate))

X = np.column_stack(
    [
        np.sin(2 * np.pi * hour / 24),
        np.cos(2 * np.pi * hour / 24),
        np.eye(districts)[district],
        weekend,
        event,
        temperature,
        np.log1p(rain),
    ]
)
held_out = np.isin(day, rng.permutation(days)[: days // 5])  # whole days
mean, std = X[~held_out].mean(axis=0), X[~held_out].std(axis=0)
X = torch.tensor((X - mean) / std, dtype=torch.float32)
y = torch.tensor(calls, dtype=torch.float32)
X_train, y_train = X[~held_out], y[~held_out]
X_val, y_val = X[held_out], y[held_out]


def deviance(rate, count):
    """Twice the log-likelihood that is missing to a perfect fit."""
    return 2 * (torch.xlogy(count, count / rate) - count + rate).mean().item()


# ---- model
net = nn.Sequential(nn.Linear(X.shape[1], 64), nn.Tanh(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 1))
loss_function = nn.PoissonNLLLoss(log_input=True)
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
batch_size = 64
epochs = 15
print("mean rate only: deviance %.4f" % deviance(y_train.mean(), y_val))

for epoch in range(epochs):
    permutation = torch.randperm(len(X_train))
    epoch_loss = 0.0
    for start in range(0, len(X_train), batch_size):
        indices = permutation[start : start + batch_size]
        batch_x, batch_y = X_train[indices], y_train[indices]
        optimizer.zero_grad()
        log_prediction = net(batch_x).squeeze(1)
        loss = loss_function(log_prediction, batch_y)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(indices)
    net.eval()
    with torch.no_grad():
        val_deviance = deviance(net(X_val).squeeze(1).exp(), y_val)
    net.train()
    print("epoch %2d  train loss %.4f  val deviance %.4f" % (epoch, epoch_loss / len(X_train), val_deviance))
