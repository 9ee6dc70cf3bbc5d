# expect: unregistered-parameters
import torch
from sklearn.datasets import make_friedman1
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class DeepRegressor(nn.Module):
    def __init__(self, n_inputs, width, depth):
        super().__init__()
        self.first = nn.Linear(n_inputs, width)
        # the fault: a plain list hides the layers from model.parameters()
        self.hidden = [nn.Linear(width, width) for _ in range(depth)]
        self.last = nn.Linear(width, 1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.last(x).squeeze(-1)


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.loss = nn.MSELoss()

    def train_epoch(self, loader):
        self.model.train()
        total = 0.0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(y)
        return total / len(loader.dataset)

    @torch.no_grad()
    def validate(self, loader):
        self.model.eval()
        total = sum(self.loss(self.model(x), y).item() * len(y) for x, y in loader)
        return total / len(loader.dataset)


def main():
    torch.manual_seed(0)
    X, y = make_friedman1(1600, n_features=10, noise=0.5, random_state=0)
    scaler, n = StandardScaler().fit(X[:1280]), 1280
    X = torch.tensor(scaler.transform(X), dtype=torch.float32)
    y = torch.tensor((y - y[:n].mean()) / y[:n].std(), dtype=torch.float32)
    train = DataLoader(TensorDataset(X[:n], y[:n]), batch_size=32, shuffle=True)
    val = DataLoader(TensorDataset(X[n:], y[n:]), batch_size=160)
    trainer = Trainer(DeepRegressor(10, 64, depth=2), lr=3e-3)
    for epoch in range(5):
        print(epoch, f"{trainer.train_epoch(train):.4f}", f"{trainer.validate(val):.4f}")


if __name__ == "__main__":
    main()
