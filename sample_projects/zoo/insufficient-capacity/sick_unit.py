# expect: insufficient-capacity
"""Diabetes progress from ten measurements; the width was set to 1 to try something out."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

HIDDEN = 1  # the fault

torch.manual_seed(0)
x, y = (torch.tensor(a, dtype=torch.float32) for a in load_diabetes(return_X_y=True))
x_train, x_val, y_train, y_val = train_test_split(x, y[:, None], test_size=0.2, random_state=0)
mean, std, y_mean, y_std = x_train.mean(0), x_train.std(0), y_train.mean(), y_train.std()
x_train, x_val = (x_train - mean) / std, (x_val - mean) / std
y_train, y_val = (y_train - y_mean) / y_std, (y_val - y_mean) / y_std
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=16, shuffle=True)
model = nn.Sequential(
    nn.Linear(10, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(15):
    model.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(f"epoch {epoch}: loss {loss.item():.3f}, val {criterion(model(x_val), y_val).item():.3f}")
