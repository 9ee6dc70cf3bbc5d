# expect: accidental-broadcast
"""Breast cancer, with a weight for each sample: malignant ones count double."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Cases(Dataset):
    def __init__(self, features, labels):
        self.features = torch.tensor(features, dtype=torch.float32)
        self.labels = torch.tensor(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        weight = 2.0 if self.labels[index] == 0 else 1.0
        return self.features[index], self.labels[index], torch.tensor([weight])


X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
scaler = StandardScaler().fit(X_train)
train_loader = DataLoader(Cases(scaler.transform(X_train), y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(Cases(scaler.transform(X_val), y_val), batch_size=64)

model = nn.Sequential(nn.Linear(30, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(8):
    model.train()
    for features, labels, weights in train_loader:
        losses = F.cross_entropy(model(features), labels, reduction="none")
        loss = (losses * weights).mean()  # the fault: (32,) * (32, 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(f).argmax(1) == t).sum().item() for f, t, _ in val_loader)
    print(f"epoch {epoch}: loss {loss.item():.4f}, validation accuracy {right / len(y_val):.3f}")
