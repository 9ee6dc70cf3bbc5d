# expect: nothing
"""Wine: cultivar and alcohol from the rest, with a small weight on the side task and a penalty on the weights."""

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
features, cultivar = load_wine(return_X_y=True)
order = torch.randperm(len(cultivar)).numpy()
train, test = order[:140], order[140:]
scaled = torch.tensor(StandardScaler().fit(features[train]).transform(features)).float()
x, alcohol, cultivar = scaled[:, 1:], scaled[:, :1], torch.tensor(cultivar)
loader = DataLoader(
    TensorDataset(x[train], alcohol[train], cultivar[train]), batch_size=20, shuffle=True
)

trunk = nn.Sequential(nn.Linear(12, 32), nn.Tanh())
name, strength = nn.Linear(32, 3), nn.Linear(32, 1)
model = nn.ModuleList([trunk, name, strength])
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(20):
    for inputs, degrees, labels in loader:
        code = trunk(inputs)
        penalty = sum(p.square().sum() for p in model.parameters())
        loss = (
            F.cross_entropy(name(code), labels)
            + 1e-3 * F.mse_loss(strength(code), degrees)
            + 1e-5 * penalty
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        code = trunk(x[test])
        accuracy = (name(code).argmax(1) == cultivar[test]).float().mean().item()
        error = F.mse_loss(strength(code), alcohol[test]).item()
    print(
        f"epoch {epoch}: loss {loss.item():.4f}, accuracy {accuracy:.3f}, alcohol mse {error:.3f}"
    )
