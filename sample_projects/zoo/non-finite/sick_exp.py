# expect: non-finite
import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class SharpSoftplus(nn.Module):
    """A smooth ReLU; the larger beta, the sharper the bend."""

    def __init__(self, beta=40.0):
        super().__init__()
        self.beta = beta

    def forward(self, x):
        # the fault: exp overflows for beta * x > 88, where softplus is simply x
        return torch.log(1 + torch.exp(self.beta * x)) / self.beta


class Net(nn.Module):
    def __init__(self, n_features, hidden=64):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_features, hidden),
            SharpSoftplus(),
            nn.Linear(hidden, hidden),
            SharpSoftplus(),
            nn.Linear(hidden, 1),
        )

    def forward(self, x):
        return self.net(x).squeeze(1)


X, y = make_friedman1(1600, n_features=8, noise=0.3, random_state=0)
n = 1280
X = torch.tensor((X - X[:n].mean(0)) / X[:n].std(0), dtype=torch.float32)
y = torch.tensor((y - y[:n].mean()) / y[:n].std(), dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X[:n], y[:n]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[n:], y[n:]), batch_size=160)

model = Net(n_features=8)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for epoch in range(4):
    model.train()
    for step, (features, target) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = criterion(model(features), target)
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print(f"epoch {epoch} step {step} loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        val = sum(criterion(model(x), t).item() for x, t in val_loader) / len(val_loader)
    print(f"epoch {epoch} validation loss {val:.4f}")
