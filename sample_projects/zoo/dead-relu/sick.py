# expect: dead-relu
import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class WideAndDeep(nn.Module):
    """A linear path beside a deep one."""

    def __init__(self, n_in, hidden):
        super().__init__()
        self.fc1 = nn.Linear(n_in, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.out = nn.Linear(hidden + n_in, 1)
        nn.init.constant_(self.fc2.bias, -1.0)  # the fault: hardly a unit gets above zero

    def forward(self, x):
        h = self.relu1(self.fc1(x))
        h = self.relu2(self.fc2(h))
        return self.out(torch.cat([h, x], dim=1)).squeeze(1)


X, y = make_friedman1(1600, n_features=6, noise=0.2, random_state=0)
n = 1280
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
X = (X - X[:n].mean(dim=0)) / X[:n].std(dim=0)
y = (y - y[:n].mean()) / y[:n].std()
loader = DataLoader(TensorDataset(X[:n], y[:n]), batch_size=32, shuffle=True)

model = WideAndDeep(6, 64)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

for epoch in range(5):
    model.train()
    total = 0.0
    for features, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(features), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        val_loss = criterion(model(X[n:]), y[n:]).item()
        r2 = 1 - val_loss / y[n:].var().item()
    print(f"epoch {epoch} loss {total / len(loader):.4f} val {val_loss:.4f} R2 {r2:.3f}")
