# expect: nothing
"""Tumours by the logistic loss, with labels of 1 and -1 as it wants them."""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32) * 2 - 1
order = torch.randperm(len(x))
x, y = x[order], y[order]
x = (x - x[:400].mean(0)) / x[:400].std(0)

train_loader = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=20, shuffle=True)
model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.SoftMarginLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(8):
    model.train()
    for inputs, labels in train_loader:
        loss = criterion(model(inputs).squeeze(1), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = ((model(x[400:]).squeeze(1) > 0) == (y[400:] > 0)).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} val accuracy {accuracy:.3f}")
