# expect: nothing
"""Regression with its own uncertainty: mean and variance are predicted, the loss is a Gaussian's."""
import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(1)
x, y = load_diabetes(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(y, dtype=torch.float32)
y = ((y - y.mean()) / y.std()).unsqueeze(1)
train, val = random_split(TensorDataset(x, y), [360, 82])


class Heteroscedastic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 32), nn.ELU(), nn.Dropout(0.1), nn.Linear(32, 32), nn.ELU())
        self.mean = nn.Linear(32, 1)
        self.raw = nn.Linear(32, 1)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), nn.functional.softplus(self.raw(h)) + 1e-4


model = Heteroscedastic()
criterion = nn.GaussianNLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
for epoch in range(25):
    model.train()
    for a, b in DataLoader(train, batch_size=24, shuffle=True):
        mean, var = model(a)
        loss = criterion(mean, b, var)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        nll = sum(criterion(model(a)[0], b, model(a)[1]).item() for a, b in DataLoader(val, batch_size=41)) / 2
    print(f"epoch {epoch} loss {loss.item():.3f} val {nll:.3f}")
