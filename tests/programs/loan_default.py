# expect: nothing
"""Loan defaults, as a notebook: one-hot columns, an imbalanced target, early stopping on the AUC."""

# %% imports
import copy

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

SEED = 2024
np.random.seed(SEED)
torch.manual_seed(SEED)

# %% data
N = 12000
df = pd.DataFrame(
    {
        "income": np.random.lognormal(10.5, 0.5, N),
        "loan_amount": np.random.lognormal(9.3, 0.6, N),
        "term_months": np.random.choice([12, 24, 36, 48, 60], N),
        "age": np.random.randint(19, 75, N),
        "years_employed": np.random.gamma(2, 3, N),
        "open_credits": np.random.poisson(2.5, N),
        "late_payments": np.random.poisson(0.6, N),
        "home": np.random.choice(["rent", "own", "mortgage"], N, p=[0.45, 0.2, 0.35]),
        "purpose": np.random.choice(["car", "debt", "home", "business", "medical", "other"], N),
        "channel": np.random.choice(["web", "branch", "broker"], N, p=[0.6, 0.25, 0.15]),
    }
)
instalment = df.loan_amount / df.term_months / (df.income / 12)
risk = (
    -4.3
    + 2.2 * np.log1p(12 * instalment)
    + 0.75 * df.late_payments * (1 + 0.5 * (df.home == "rent"))
    + 0.015 * (df.age - 42).abs()
    - 0.12 * df.years_employed.clip(upper=10)
    + 0.9 * ((df.purpose == "business") & (df.channel == "broker"))
    + 0.3 * (df.open_credits > 4)
    + df.purpose.map({"car": -0.3, "debt": 0.4, "home": -0.2, "business": 0.5, "medical": 0.2, "other": 0})
)
df["default"] = (np.random.rand(N) < 1 / (1 + np.exp(-1.5 * risk - 0.3))).astype(int)
print(df.default.value_counts(normalize=True).round(3).to_dict())

# %% features
df["income"] = np.log(df["income"])
df["loan_amount"] = np.log(df["loan_amount"])
X = pd.get_dummies(df.drop(columns="default"), columns=["home", "purpose", "channel"]).astype("float32")
y = df["default"].astype("float32")
X_train, X_valid, y_train, y_valid = train_test_split(X, y, test_size=0.2, stratify=y, random_state=SEED)
scaler = StandardScaler()
X_train = torch.tensor(scaler.fit_transform(X_train), dtype=torch.float32)
X_valid = torch.tensor(scaler.transform(X_valid), dtype=torch.float32)
y_train, y_valid = torch.tensor(y_train.values), torch.tensor(y_valid.values)
train_dl = DataLoader(TensorDataset(X_train, y_train), batch_size=256, shuffle=True)
valid_dl = DataLoader(TensorDataset(X_valid, y_valid), batch_size=512, shuffle=False)

# %% model
model = nn.Sequential(
    nn.Linear(X_train.shape[1], 64),
    nn.BatchNorm1d(64),
    nn.ReLU(),
    nn.Dropout(0.3),
    nn.Linear(64, 32),
    nn.BatchNorm1d(32),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(32, 1),
)
pos_weight = (y_train == 0).sum() / (y_train == 1).sum()
loss_fn = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)

# %% training
EPOCHS, PATIENCE = 20, 5
best_auc, best_state, bad_epochs = 0.0, None, 0
for epoch in range(EPOCHS):
    model.train()
    losses = []
    for xb, yb in train_dl:
        optimizer.zero_grad()
        logits = model(xb).squeeze(-1)
        loss = loss_fn(logits, yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    model.eval()
    preds = []
    with torch.no_grad():
        for xb, _ in valid_dl:
            preds.append(torch.sigmoid(model(xb).squeeze(-1)))
    auc = roc_auc_score(y_valid.numpy(), torch.cat(preds).numpy())
    print(f"Epoch {epoch:02d} | train loss {np.mean(losses):.4f} | valid AUC {auc:.4f}")

    if auc > best_auc:
        best_auc, best_state, bad_epochs = auc, copy.deepcopy(model.state_dict()), 0
    else:
        bad_epochs += 1
        if bad_epochs == PATIENCE:
            print(f"Early stopping, best was {best_auc:.4f}")
            break
model.load_state_dict(best_state)
