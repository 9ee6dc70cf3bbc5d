# expect: saturated-activation
import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, n_features, hidden=24, temperature=0.02):
        super().__init__()
        self.fc1 = nn.Linear(n_features, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 1)
        self.tanh = nn.Tanh()
        self.temperature = temperature

    def forward(self, x):
        # the fault: divided by 0.02 nearly every unit is at -1 or 1, where tanh is flat
        h = self.tanh(self.fc1(x) / self.temperature)
        h = self.tanh(self.fc2(h))
        return self.fc3(h)


def main():
    torch.manual_seed(0)
    X, y = make_friedman1(1600, n_features=8, noise=0.3, random_state=0)
    X, y = torch.tensor(X).float(), torch.tensor(y).float().unsqueeze(1)
    X = (X - X[:1280].mean(0)) / X[:1280].std(0)
    y = (y - y[:1280].mean()) / y[:1280].std()
    train = DataLoader(TensorDataset(X[:1280], y[:1280]), batch_size=32, shuffle=True)
    val = DataLoader(TensorDataset(X[1280:], y[1280:]), batch_size=80)

    net = Net(8)
    mse = nn.MSELoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for epoch in range(4):
        net.train()
        total = 0.0
        for x, target in train:
            loss = mse(net(x), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        net.eval()
        with torch.no_grad():
            val_loss = sum(mse(net(x), target).item() for x, target in val) / len(val)
        print(f"epoch {epoch} train {total / len(train):.4f} val {val_loss:.4f}")


if __name__ == "__main__":
    main()
