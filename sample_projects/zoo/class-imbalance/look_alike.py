# expect: nothing
"""Churn among subscribers, one in sixteen, with the loss weighted against the imbalance."""

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = make_classification(
    4000,
    10,
    n_informative=6,
    n_redundant=0,
    weights=[15 / 16],
    flip_y=0,
    class_sep=1.5,
    random_state=2,
)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_val = torch.tensor(scaler.transform(X_val), dtype=torch.float32)
weights = compute_class_weight("balanced", classes=np.unique(y_train), y=y_train)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)

model = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 2))
criterion = nn.CrossEntropyLoss(weight=torch.tensor(weights, dtype=torch.float32))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(4):
    model.train()
    for features, churned in loader:
        optimizer.zero_grad()
        loss = criterion(model(features), churned)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = model(X_val)
        val_loss = criterion(logits, y_val)
        recall = [(logits.argmax(1) == y_val)[y_val == c].float().mean().item() for c in (0, 1)]
    print(
        f"epoch {epoch}: loss {loss:.3f} val {val_loss:.3f} recall {recall[0]:.2f} {recall[1]:.2f}"
    )
