# expect: loss-broadcast
"""Diabetes progression by a small network."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = load_diabetes(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_val = torch.tensor(scaler.transform(X_val), dtype=torch.float32)
y_mean, y_std = y_train.mean(), y_train.std()
y_train = torch.tensor((y_train - y_mean) / y_std, dtype=torch.float32)
y_val = torch.tensor((y_val - y_mean) / y_std, dtype=torch.float32)

train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(X_val, y_val), batch_size=89)

model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-4)

for epoch in range(6):
    model.train()
    total = 0.0
    for features, progression in train_loader:
        prediction = model(features)
        loss = criterion(prediction, progression)  # the fault: (N, 1) against (N,)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()

    model.eval()
    with torch.no_grad():
        for features, progression in val_loader:
            error = (model(features).squeeze(1) - progression).pow(2).mean()
            r2 = 1 - error / progression.var()
    print(f"epoch {epoch}: train {total / len(train_loader):.3f}, val mse {error:.3f}, R2 {r2:.3f}")
