# expect: missing-zero-grad
"""House prices by a small network, batches sliced by hand."""

import numpy as np
import torch
from sklearn.datasets import make_friedman1

np.random.seed(0)
torch.manual_seed(0)

X, y = make_friedman1(1500, n_features=8, noise=0.3, random_state=0)
X_train, X_val, y_train, y_val = X[:1200], X[1200:], y[:1200], y[1200:]
x_mean, x_std = X_train.mean(axis=0), X_train.std(axis=0)
y_mean, y_std = y_train.mean(), y_train.std()


def to_tensor(x, y):
    x = torch.from_numpy((x - x_mean) / x_std).float()
    y = torch.from_numpy((y - y_mean) / y_std).float()
    return x, y[:, None]


X_train, y_train = to_tensor(X_train, y_train)
X_val, y_val = to_tensor(X_val, y_val)

model = torch.nn.Sequential(
    torch.nn.Linear(8, 64),
    torch.nn.ReLU(),
    torch.nn.Linear(64, 64),
    torch.nn.ReLU(),
    torch.nn.Linear(64, 1),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
batch_size = 32

for epoch in range(6):
    order = torch.randperm(len(X_train))
    losses = []
    for start in range(0, len(X_train), batch_size):
        rows = order[start : start + batch_size]
        prediction = model(X_train[rows])
        loss = ((prediction - y_train[rows]) ** 2).mean()
        loss.backward()  # the fault: the gradients of all steps so far add up
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        val_loss = ((model(X_val) - y_val) ** 2).mean()
    print("epoch", epoch, "train", round(np.mean(losses), 4), "val", round(val_loss.item(), 4))
