# expect: nothing
import torch
import torch.nn.functional as F
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(0)
X, y = make_friedman1(2000, n_features=8, noise=0.3, random_state=0)
X, y = torch.tensor(X).float(), torch.tensor(y).float()
n = 1600
X = (X - X[:n].mean(0)) / X[:n].std(0)
y = (y - y[:n].mean()) / y[:n].std()

sizes = [8] + [64] * 7 + [1]  # eight layers, He initialisation
layers = []
for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
    linear = nn.Linear(n_in, n_out)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    layers += [linear, nn.ReLU()]
net = nn.Sequential(*layers[:-1])
nn.init.normal_(net[-1].weight, std=0.02)  # the first predictions are near the mean

opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(4):
    net.train()
    for idx in torch.randperm(n).split(32):
        loss = F.mse_loss(net(X[idx]).squeeze(1), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        val = F.mse_loss(net(X[n:]).squeeze(1), y[n:])
    print(f"epoch {epoch}: train {loss.item():.4f} validation {val.item():.4f}")
