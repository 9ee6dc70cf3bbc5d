# expect: loader-skips-data
"""Digits; a sampler that was meant for a quick test takes the first tenth."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(len(X))
X, y = X[order], y[order]
X = (X - X[:1400].mean()) / X[:1400].std()
x_val, y_val = X[1400:], y[1400:]

train_set = TensorDataset(X[:1400], y[:1400])
quick = SubsetRandomSampler(range(len(train_set) // 10))  # the fault: forgotten
loader = DataLoader(train_set, batch_size=16, sampler=quick)
model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(10):
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val accuracy {accuracy:.3f}")
