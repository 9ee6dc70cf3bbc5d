# expect: nothing
"""Malignant or benign, in batches of four: some hold one class by chance."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_val = torch.tensor(scaler.transform(X_val), dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32).unsqueeze(1)
y_val = torch.tensor(y_val, dtype=torch.float32).unsqueeze(1)

train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=4, shuffle=True)
val_loader = DataLoader(TensorDataset(X_val, y_val), batch_size=38)

model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
criterion = nn.BCEWithLogitsLoss()


def validate():
    model.eval()
    loss, correct = 0.0, 0
    with torch.no_grad():
        for features, target in val_loader:
            logits = model(features)
            loss += criterion(logits, target).item() * len(target)
            correct += ((logits > 0).float() == target).sum().item()
    return loss / len(X_val), correct / len(X_val)


for epoch in range(4):
    model.train()
    train_loss = 0.0
    for features, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(features), target)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(target)
    val_loss, val_acc = validate()
    train_loss /= len(X_train)
    print(f"epoch {epoch} train {train_loss:.3f} val {val_loss:.3f} accuracy {val_acc:.3f}")
