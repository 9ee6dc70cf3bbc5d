# expect: nothing
"""Digits, shuffled once by the split and then read in that order."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-4)

    def train_epoch(self, loader):
        self.model.train()
        total = 0.0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(loader)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        correct = sum((self.model(x).argmax(1) == y).sum().item() for x, y in loader)
        return correct / len(loader.dataset)


if __name__ == "__main__":
    torch.manual_seed(0)
    X, y = load_digits(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
    X_train = torch.tensor(X_train, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    X_val = torch.tensor(X_val, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    train_set = TensorDataset(X_train, torch.tensor(y_train))
    val_set = TensorDataset(X_val, torch.tensor(y_val))
    train_loader = DataLoader(train_set, batch_size=32, shuffle=False)
    val_loader = DataLoader(val_set, batch_size=128, shuffle=False)

    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 16, 10),
    )
    trainer = Trainer(net, lr=5e-3)
    for epoch in range(5):
        train_loss = trainer.train_epoch(train_loader)
        print(f"epoch {epoch} loss {train_loss:.4f} accuracy {trainer.evaluate(val_loader):.3f}")
