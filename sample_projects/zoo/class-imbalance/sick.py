# expect: class-imbalance
"""Fraud detection: sixty frauds among nine thousand payments."""

import numpy as np
import torch
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
rng = np.random.default_rng(0)

honest = rng.normal(0.0, 1.0, size=(11400, 8))
fraud = rng.normal(2.2, 1.0, size=(76, 8))
X = np.concatenate([honest, fraud]).astype(np.float32)
y = np.concatenate([np.zeros(11400), np.ones(76)]).astype(np.float32)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
train_set = TensorDataset(torch.from_numpy(scaler.transform(X_train)), torch.from_numpy(y_train))
X_val, y_val = torch.from_numpy(scaler.transform(X_val)), torch.from_numpy(y_val)
loader = DataLoader(train_set, batch_size=64, shuffle=True)

model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.BCEWithLogitsLoss()  # the fault: no pos_weight, and the loader has no sampler
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(3):
    model.train()
    running = 0.0
    for features, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(features).squeeze(1), target)
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        logits = model(X_val).squeeze(1)
        val_loss = criterion(logits, y_val).item()
    recall = recall_score(y_val.numpy(), logits.numpy() > 0)
    print(
        f"epoch {epoch}: train {running / len(loader):.4f} val {val_loss:.4f} recall {recall:.2f}"
    )
