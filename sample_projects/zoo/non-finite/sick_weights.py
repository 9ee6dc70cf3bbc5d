# expect: non-finite
import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split


class Standardise(nn.Module):
    """Centre and scale each pixel; both are learned further."""

    def __init__(self, mean, std):
        super().__init__()
        self.shift = nn.Parameter(mean.clone())
        self.scale = nn.Parameter(1.0 / std)  # the fault: some border pixels never change, std 0

    def forward(self, x):
        return (x - self.shift) * self.scale


class Model(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.standardise = Standardise(mean, std)
        self.mlp = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))

    def forward(self, x):
        return self.mlp(self.standardise(x))


class Trainer:
    def __init__(self, model, train_set, val_set, lr):
        self.model = model
        self.optimizer = optim.Adam(model.parameters(), lr=lr)
        self.criterion = nn.CrossEntropyLoss()
        self.train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
        self.val_loader = DataLoader(val_set, batch_size=90)

    def run(self, epochs):
        for epoch in range(1, epochs + 1):
            self.model.train()
            for x, y in self.train_loader:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x), y)
                loss.backward()
                self.optimizer.step()
            print(f"epoch {epoch} loss {loss.item():.4f} val accuracy {self.accuracy():.3f}")

    @torch.no_grad()
    def accuracy(self):
        self.model.eval()
        hits = sum((self.model(x).argmax(1) == y).sum().item() for x, y in self.val_loader)
        return hits / len(self.val_loader.dataset)


if __name__ == "__main__":
    torch.manual_seed(0)
    X, y = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(X).float() / 16.0, torch.tensor(y))
    train_set, val_set = random_split(data, [1437, 360])
    pixels = torch.stack([x for x, _ in train_set])
    Trainer(Model(pixels.mean(0), pixels.std(0)), train_set, val_set, lr=1e-3).run(epochs=3)
