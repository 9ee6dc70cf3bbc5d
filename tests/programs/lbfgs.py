# expect: nothing
import torch
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(0)
x, y = make_friedman1(n_samples=500, n_features=6, noise=0.3, random_state=0)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
x_train, x_val, y_train, y_val = x[:400], x[400:], y[:400], y[400:]
x_mean, x_std, y_mean, y_std = x_train.mean(0), x_train.std(0), y_train.mean(), y_train.std()
x_train, x_val = (x_train - x_mean) / x_std, (x_val - x_mean) / x_std
y_train, y_val = (y_train - y_mean) / y_std, (y_val - y_mean) / y_std

net = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=3, history_size=10)


def closure():
    optimizer.zero_grad()
    loss = loss_fn(net(x_train), y_train)
    loss.backward()
    return loss


for step in range(120):
    loss = optimizer.step(closure)
    if step % 20 == 0 or step == 119:
        with torch.no_grad():
            val_loss = loss_fn(net(x_val), y_val)
        print(f"step {step}: loss {loss.item():.4f}, val {val_loss.item():.4f}")
