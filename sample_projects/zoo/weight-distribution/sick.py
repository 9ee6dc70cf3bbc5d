# expect: note weight-distribution
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_model(features, hidden, classes):
    model = nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, classes))
    nn.init.uniform_(model[2].weight, 0.0, 0.2)  # the fault: no weight is negative
    nn.init.zeros_(model[2].bias)
    return model


def tensors(X, y):
    return TensorDataset(torch.tensor(X).float(), torch.tensor(y))


torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
train_loader = DataLoader(tensors(scaler.transform(X_train), y_train), batch_size=16, shuffle=True)
val_loader = DataLoader(tensors(scaler.transform(X_val), y_val), batch_size=143)
model = make_model(30, 192, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(6):
    model.train()
    total = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == b).float().mean().item() for a, b in val_loader)
    print(f"epoch {epoch} loss {total / len(train_loader):.4f} val acc {hits:.3f}")
