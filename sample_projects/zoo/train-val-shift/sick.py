# expect: train-val-shift
"""Yield of a greenhouse from ten thermometers."""

import torch
from sklearn.datasets import make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def tensors(X, y):
    return TensorDataset(
        torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).unsqueeze(1)
    )


X, y = make_friedman1(2000, n_features=10, noise=0.5, random_state=0)
X = 20 + 4 * X  # degrees
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
y_mean, y_std = y_train.mean(), y_train.std()
y_train, y_val = (y_train - y_mean) / y_std, (y_val - y_mean) / y_std

X_train = StandardScaler().fit_transform(X_train)
# the fault: X_val is not transformed
train_loader = DataLoader(tensors(X_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(tensors(X_val, y_val), batch_size=100)

model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()

for epoch in range(5):
    model.train()
    train_loss = 0.0
    for features, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(features), target)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() / len(train_loader)

    model.eval()
    val_loss = 0.0
    with torch.no_grad():
        for features, target in val_loader:
            val_loss += criterion(model(features), target).item() / len(val_loader)
    print(f"epoch {epoch}: train mse {train_loss:.3f}, val mse {val_loss:.3f}")
