# expect: nothing
"""Digits with labels of other samples beside their own: CutMix in every second step, mixed labels."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(len(X))
X, y = X[order], y[order]
X = (X - X[:1400].mean()) / X[:1400].std()
x_val, y_val = X[1400:], y[1400:]

loader = DataLoader(TensorDataset(X[:1400], y[:1400]), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(6):
    model.train()
    total = 0.0
    for step, (images, labels) in enumerate(loader):
        others = torch.randperm(len(images))
        if step % 2 == 0:
            images, labels = images[others], labels[others]  # both: another order is no fault
            loss = criterion(model(images), labels)
        else:
            mixed = images.clone()
            mixed[:, :12] = images[others, :12]
            logits = model(mixed)
            loss = 0.8 * criterion(logits, labels) + 0.2 * criterion(logits, labels[others])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val accuracy {accuracy:.3f}")
