# expect: nothing
import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Bayesian(nn.Module):
    """Monte Carlo dropout: it stays on, and predictions are averaged over many passes."""

    def __init__(self, features, p=0.1):
        super().__init__()
        self.p = p
        self.inp = nn.Linear(features, 64)
        self.mid = nn.Linear(64, 64)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        x = F.dropout(F.relu(self.inp(x)), self.p, training=True)
        x = F.dropout(F.relu(self.mid(x)), self.p, training=True)
        return self.out(x)


torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
order = torch.randperm(len(y))
X, y = torch.tensor(X).float()[order], torch.tensor(y).float().unsqueeze(1)[order]
X = (X - X[:340].mean(0)) / X[:340].std(0)
y = (y - y[:340].mean()) / y[:340].std()
train_loader = DataLoader(TensorDataset(X[:340], y[:340]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(X[340:], y[340:]), batch_size=51)

model = Bayesian(X.shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(8):
    model.train()
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
    model.eval()
    errors, spreads = [], []
    with torch.no_grad():
        for inputs, targets in val_loader:
            draws = torch.stack([model(inputs) for _ in range(10)])
            errors.append(F.mse_loss(draws.mean(0), targets).item())
            spreads.append(draws.std(0).mean().item())
    print(
        f"epoch {epoch} loss {loss.item():.3f} val {sum(errors) / 2:.3f} +- {sum(spreads) / 2:.3f}"
    )
