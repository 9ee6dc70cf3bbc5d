# expect: nothing
"""Several labels at once, each rare: BCE with logits and positive weights, tabular input with one-hot columns."""

import torch
from sklearn.datasets import make_multilabel_classification
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
x, y = make_multilabel_classification(1500, 24, n_classes=6, n_labels=2, random_state=0)
x = torch.tensor(StandardScaler().fit_transform(x), dtype=torch.float32)
x = torch.cat([x, torch.eye(4)[torch.randint(0, 4, (len(x),))]], dim=1)
y = torch.tensor(y, dtype=torch.float32)
train, test = random_split(TensorDataset(x, y), [1200, 300])
loader, held_out = DataLoader(train, 32, shuffle=True), DataLoader(test, 100)
model = nn.Sequential(nn.Linear(28, 64), nn.GELU(), nn.Linear(64, 6))
weight = (len(y) - y.sum(0)) / y.sum(0)
criterion = nn.BCEWithLogitsLoss(pos_weight=weight)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(6):
    for a, b in loader:
        optimizer.zero_grad()
        loss = criterion(model(a), b)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        hits = sum(((model(a) > 0) == (b > 0)).float().mean().item() for a, b in held_out) / len(held_out)
    print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {hits:.3f}")
