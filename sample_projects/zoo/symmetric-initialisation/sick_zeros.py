# expect: symmetric-initialisation
import numpy as np
import torch
from sklearn.datasets import make_friedman1
from torch import nn


class Regressor(nn.Module):
    def __init__(self, n_features, hidden=50):
        super().__init__()
        self.layer1 = nn.Linear(n_features, hidden)
        self.layer2 = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, 1)
        self.relu = nn.ReLU()
        for layer in (self.layer1, self.layer2, self.output):
            layer.weight.data.zero_()  # the fault: all weights and biases start at zero
            layer.bias.data.zero_()

    def forward(self, x):
        x = self.relu(self.layer1(x))
        x = self.relu(self.layer2(x))
        return self.output(x)


def batches(x, y, size):
    order = np.random.permutation(len(x))
    for i in range(0, len(x), size):
        idx = order[i : i + size]
        yield x[idx], y[idx]


np.random.seed(0)
torch.manual_seed(0)
x, y = make_friedman1(1500, n_features=8, noise=0.3, random_state=0)
n = 1200
x = (x - x[:n].mean(axis=0)) / x[:n].std(axis=0)
y = (y - y[:n].mean()) / y[:n].std()
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
x_train, y_train, x_val, y_val = x[:n], y[:n], x[n:], y[n:]

model = Regressor(x.shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.MSELoss()

for epoch in range(5):
    model.train()
    epoch_loss = []
    for xb, yb in batches(x_train, y_train, 32):
        pred = model(xb)
        loss = loss_fn(pred, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss.append(loss.item())
    model.eval()
    with torch.no_grad():
        val_loss = loss_fn(model(x_val), y_val).item()
    print(f"Epoch {epoch + 1}: train MSE {np.mean(epoch_loss):.4f}, val MSE {val_loss:.4f}")
