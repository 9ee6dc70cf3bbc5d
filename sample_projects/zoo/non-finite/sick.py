# expect: non-finite
import torch
from sklearn.datasets import make_blobs
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = make_blobs(1500, n_features=6, centers=2, cluster_std=2.0, random_state=3)
n = 1200
X = torch.tensor((X - X[:n].mean(0)) / X[:n].std(0), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X[:n], y[:n]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[n:], y[n:]), batch_size=100)


class Classifier(nn.Module):
    def __init__(self, n_features=6, hidden=64):
        super().__init__()
        self.fc1 = nn.Linear(n_features, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return torch.sigmoid(self.fc3(x)).squeeze(1)


def cross_entropy(p, target):
    # the fault: once a probability is exactly 1, log(1 - p) is log(0)
    return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()


model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(4):
    model.train()
    for i, (features, target) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = cross_entropy(model(features), target)
        loss.backward()
        optimizer.step()
        if i % 5 == 0:
            print(f"epoch {epoch} step {i} loss {loss.item():.5f}")
    model.eval()
    with torch.no_grad():
        hits = sum(((model(x) > 0.5) == (t > 0.5)).sum().item() for x, t in val_loader)
    print(f"epoch {epoch} accuracy {hits / len(val_loader.dataset):.3f}")
