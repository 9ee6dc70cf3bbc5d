# expect: warning unused-module
import torch
import torch.nn.functional as F
from sklearn.datasets import make_regression
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class MultiTaskNet(nn.Module):
    """A shared trunk with one head per task. The "count" task has no labels yet."""

    def __init__(self, n_features):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(n_features, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()
        )
        self.heads = nn.ModuleDict(
            {"value": nn.Linear(64, 1), "sign": nn.Linear(64, 2), "count": nn.Linear(64, 5)}
        )

    def forward(self, x, tasks):
        h = self.trunk(x)
        return {task: self.heads[task](h) for task in tasks}


torch.manual_seed(0)
X, y = make_regression(1500, 12, n_informative=8, n_targets=2, noise=2.0, random_state=0)
n = 1200
X = torch.tensor((X - X[:n].mean(0)) / X[:n].std(0), dtype=torch.float32)
y = torch.tensor((y - y[:n].mean(0)) / y[:n].std(0), dtype=torch.float32)
value, sign = y[:, :1], (y[:, 1] > 0).long()
train_set = TensorDataset(X[:n], value[:n], sign[:n])
val_set = TensorDataset(X[n:], value[n:], sign[n:])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=100)

model = MultiTaskNet(12)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
tasks = ["value", "sign"]

for epoch in range(4):
    model.train()
    for x, v, s in train_loader:
        out = model(x, tasks)
        loss = F.mse_loss(out["value"], v) + F.cross_entropy(out["sign"], s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    model.eval()
    mse, hits = 0.0, 0
    with torch.no_grad():
        for x, v, s in val_loader:
            out = model(x, tasks)
            mse += F.mse_loss(out["value"], v, reduction="sum").item()
            hits += (out["sign"].argmax(1) == s).sum().item()
    m = len(val_set)
    print(f"epoch {epoch} loss {loss.item():.4f} val mse {mse / m:.4f} sign acc {hits / m:.3f}")
