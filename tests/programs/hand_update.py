# expect: nothing
import torch
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(0)
lr = 0.05
x, y = make_friedman1(n_samples=1200, n_features=8, noise=0.3, random_state=0)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
x = (x - x[:1000].mean(0)) / x[:1000].std(0)
y = (y - y[:1000].mean()) / y[:1000].std()
x_train, y_train, x_val, y_val = x[:1000], y[:1000], x[1000:], y[1000:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(8, 40)
        self.out = nn.Linear(40, 1)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x))).squeeze(1)


net = Net()
for epoch in range(15):
    perm = torch.randperm(1000)
    epoch_loss = 0.0
    for batch in perm.split(25):
        net.zero_grad()
        loss = ((net(x_train[batch]) - y_train[batch]) ** 2).mean()
        loss.backward()
        for p in net.parameters():
            p.data.add_(p.grad, alpha=-lr)
        epoch_loss += loss.item() / 40
    with torch.no_grad():
        val = ((net(x_val) - y_val) ** 2).mean().item()
    print(f"epoch {epoch}: mse {epoch_loss:.3f}, val mse {val:.3f}")
