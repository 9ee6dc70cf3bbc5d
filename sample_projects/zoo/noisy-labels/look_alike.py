# expect: nothing
"""Who comes back? An outcome that is open for most customers and clear for some; no label is wrong."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X = torch.randn(3000, 12)
odds = 1.6 * X[:, 0] + 1.2 * X[:, 1] * X[:, 2] - 0.8 * X[:, 3]
y = torch.bernoulli(torch.sigmoid(1.5 * odds)).unsqueeze(1)
X_val, y_val = X[2400:], y[2400:]
loader = DataLoader(TensorDataset(X[:2400], y[:2400]), batch_size=40, shuffle=True)

model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(4):
    model.train()
    for x, target in loader:
        loss = criterion(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        output = model(X_val)
        right = ((output > 0) == (y_val > 0.5)).float().mean()
    print(f"epoch {epoch}: loss {loss:.3f}, val {criterion(output, y_val):.3f}, accuracy {right:.3f}")
