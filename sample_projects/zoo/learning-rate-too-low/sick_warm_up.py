# expect: learning-rate-too-low
"""Digits with Adam and a warm-up from zero; the rate that it leads to is a hundred times too small."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 8 - 1, torch.tensor(y)
order = torch.randperm(len(x))
x, y = x[order], y[order]
train_loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=28, shuffle=True)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.LayerNorm(64), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)  # the fault: 1e-3 was meant
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100))
for epoch in range(6):
    model.train()
    for inputs, labels in train_loader:
        loss = nn.functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} val accuracy {accuracy:.3f}")
