# expect: non-finite-input
"""Predict machine failures from a sensor export."""

import io

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def export_csv():
    """The export of the logger: an empty cell where a sensor did not answer."""
    X, y = make_classification(2000, 12, n_informative=8, class_sep=1.5, random_state=0)
    frame = pd.DataFrame(X, columns=[f"sensor_{i}" for i in range(12)])
    gaps = np.random.default_rng(0).choice(2000, 40, replace=False)
    frame.loc[gaps, "sensor_3"] = np.nan
    frame["failed"] = y
    return frame.to_csv(index=False)


table = pd.read_csv(io.StringIO(export_csv()))  # the fault: the gaps are read as NaN, and stay
X = table.drop(columns="failed").to_numpy(dtype=np.float32)
y = table["failed"].to_numpy()
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_val = scaler.transform(X_train), scaler.transform(X_val)

train_set = TensorDataset(torch.tensor(X_train), torch.tensor(y_train))
val_set = TensorDataset(torch.tensor(X_val), torch.tensor(y_val))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(4):
    model.train()
    total = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()

    model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, labels in val_loader:
            correct += (model(inputs).argmax(1) == labels).sum().item()
    print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, acc {correct / len(val_set):.3f}")
