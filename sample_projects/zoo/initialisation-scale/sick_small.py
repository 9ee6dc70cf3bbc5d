# expect: initialisation-scale
import torch
import torch.nn.functional as F
from sklearn.datasets import make_friedman1
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Table(Dataset):
    def __init__(self, features, target):
        self.features = torch.tensor(features, dtype=torch.float32)
        self.target = torch.tensor(target, dtype=torch.float32)

    def __len__(self):
        return len(self.target)

    def __getitem__(self, index):
        return {"features": self.features[index], "target": self.target[index]}


def init_small(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=1e-4)  # the fault: the signal dies within two layers
        nn.init.zeros_(module.bias)


class Trainer:
    def __init__(self, model, train_set, val_set, lr=0.05):
        self.model = model
        self.train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
        self.val_loader = DataLoader(val_set, batch_size=100)
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    def compute_loss(self, batch):
        return F.mse_loss(self.model(batch["features"]).squeeze(1), batch["target"])

    def fit(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            for batch in self.train_loader:
                loss = self.compute_loss(batch)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            print(f"epoch {epoch}: train {loss.item():.4f}, val {self.validate():.4f}")

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        losses = [self.compute_loss(batch).item() for batch in self.val_loader]
        return sum(losses) / len(losses)


def main():
    torch.manual_seed(0)
    X, y = make_friedman1(1500, n_features=10, noise=0.3, random_state=1)
    X_scaler = StandardScaler().fit(X[:1200])
    y = (y - y[:1200].mean()) / y[:1200].std()
    X = X_scaler.transform(X)
    model = nn.Sequential(
        *(nn.Linear(10, 64), nn.ReLU()),
        *(nn.Linear(64, 64), nn.ReLU()),
        *(nn.Linear(64, 64), nn.ReLU()),
        nn.Linear(64, 1),
    )
    model.apply(init_small)
    Trainer(model, Table(X[:1200], y[:1200]), Table(X[1200:], y[1200:])).fit(epochs=4)


if __name__ == "__main__":
    main()
