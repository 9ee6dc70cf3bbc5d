# expect: sampler-weights-wrong
"""Rare failures of machines, found by what their sensors say."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(0)
n = 2000
labels = (torch.rand(n) < 0.06).long()
X = torch.randn(n, 12)
X[:, :4] += 1.2 * labels.unsqueeze(1)
X = (X - X[:1600].mean(0)) / X[:1600].std(0)
train_y, y_val = labels[:1600], labels[1600:]
x_val = X[1600:]

counts = torch.bincount(train_y)
weights = 1.0 / counts  # the fault: one weight per class, not per sample
sampler = WeightedRandomSampler(weights, num_samples=1600, replacement=True)
train_loader = DataLoader(TensorDataset(X[:1600], train_y), batch_size=32, sampler=sampler)

model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(3):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        right = model(x_val).argmax(1) == y_val
    print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, val {right.float().mean():.3f}")
