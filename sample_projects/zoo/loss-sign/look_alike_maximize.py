# expect: nothing
"""Two minus signs: the log-likelihood of a wine's cultivar is maximised, with an optimizer built for that."""

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
order = torch.randperm(len(y)).numpy()
train, test = order[:140], order[140:]
scaler = StandardScaler().fit(X[train])
x_train, y_train = torch.tensor(scaler.transform(X[train])).float(), torch.tensor(y[train])
x_test, y_test = torch.tensor(scaler.transform(X[test])).float(), torch.tensor(y[test])

model = nn.Sequential(nn.Linear(13, 24), nn.Tanh(), nn.Linear(24, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, maximize=True)

for epoch in range(20):
    shuffled = torch.randperm(len(x_train))
    for i in range(0, len(x_train), 20):
        rows = shuffled[i : i + 20]
        log_likelihood = -nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        log_likelihood.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(
        f"epoch {epoch}: log-likelihood {log_likelihood.item():.4f}, test accuracy {accuracy:.3f}"
    )
