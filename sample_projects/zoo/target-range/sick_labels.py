# expect: target-range
"""Wines; the cultivars are numbered from 1 as in the original table."""

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
cultivar = y + 1  # the fault: three outputs know the labels 0, 1 and 2
x_train, x_val, y_train, y_val = train_test_split(
    x, cultivar, test_size=0.25, stratify=cultivar, random_state=0
)
scaler = StandardScaler().fit(x_train)
train_set = TensorDataset(torch.tensor(scaler.transform(x_train)).float(), torch.tensor(y_train))
val_set = TensorDataset(torch.tensor(scaler.transform(x_val)).float(), torch.tensor(y_val))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=45)

model = nn.Sequential(nn.Linear(13, 32), nn.Tanh(), nn.Linear(32, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(15):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = sum((model(a).argmax(1) == b).float().mean().item() for a, b in val_loader)
    print(f"epoch {epoch} loss {loss.item():.3f} val accuracy {accuracy / len(val_loader):.3f}")
