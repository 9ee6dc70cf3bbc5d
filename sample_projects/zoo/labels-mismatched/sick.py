# expect: labels-mismatched
"""Breast cancer; measurements and diagnoses come from two loaders."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X, X_val, y, y_val = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
scaler = StandardScaler().fit(X)
X = torch.tensor(scaler.transform(X), dtype=torch.float32)
X_val = torch.tensor(scaler.transform(X_val), dtype=torch.float32)
y, y_val = torch.tensor(y).float(), torch.tensor(y_val).float()

# the fault: each of them shuffles for itself
inputs = DataLoader(TensorDataset(X), batch_size=16, shuffle=True)
targets = DataLoader(TensorDataset(y), batch_size=16, shuffle=True)

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()

for epoch in range(6):
    model.train()
    total = 0.0
    for (xb,), (yb,) in zip(inputs, targets):
        optimizer.zero_grad()
        loss = criterion(model(xb).squeeze(1), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        right = (model(X_val).squeeze(1) > 0) == (y_val > 0.5)
    print(f"epoch {epoch}: loss {total / len(inputs):.3f}, val {right.float().mean():.3f}")
