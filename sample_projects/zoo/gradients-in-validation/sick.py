# expect: gradients-in-validation
import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
X, y = make_friedman1(2000, n_features=10, noise=0.3, random_state=0)
X, y = torch.tensor(X).float(), torch.tensor(y).float().unsqueeze(1)
train_set, val_set = random_split(range(2000), [1600, 400])
train_ids, val_ids = list(train_set), list(val_set)
X = (X - X[train_ids].mean(0)) / X[train_ids].std(0)
y = (y - y[train_ids].mean()) / y[train_ids].std()
train_loader = DataLoader(TensorDataset(X[train_ids], y[train_ids]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[val_ids], y[val_ids]), batch_size=100)

net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)


def train_one_epoch():
    net.train()
    losses = []
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def validate():
    net.eval()
    losses = []
    for inputs, targets in val_loader:  # the fault: eval mode, but no torch.no_grad()
        losses.append(nn.functional.mse_loss(net(inputs), targets).item())
    return sum(losses) / len(losses)


for epoch in range(5):
    print(f"epoch {epoch + 1}: train {train_one_epoch():.4f} validation {validate():.4f}")
