# expect: nothing
"""A compiled model: functions run eagerly while nndoctor looks."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)
order = torch.randperm(len(x))
loader = DataLoader(TensorDataset(x[order[:1400]], y[order[:1400]]), batch_size=64, shuffle=True)
held_out = DataLoader(TensorDataset(x[order[1400:]], y[order[1400:]]), batch_size=128)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))
compiled = torch.compile(model, backend="eager")
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(5):
    compiled.train()
    for a, b in loader:
        loss = nn.functional.cross_entropy(compiled(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    compiled.eval()
    with torch.no_grad():
        hits = sum((compiled(a).argmax(1) == b).sum().item() for a, b in held_out)
    print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {hits / len(order[1400:]):.3f}")
