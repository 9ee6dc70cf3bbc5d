# expect: update-ratio
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


class TwoStage(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.classifier(self.encoder(x))


def train_one_epoch(model, loader, optimizer, criterion):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return hits / len(loader.dataset)


def main():
    torch.manual_seed(0)
    X, y = load_digits(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)
    mean, std = X_train.mean(), X_train.std()
    X_train, X_val = (torch.tensor((X - mean) / std).float() for X in (X_train, X_val))
    train_loader = DataLoader(TensorDataset(X_train, torch.tensor(y_train)), 32, shuffle=True)
    val_loader = DataLoader(TensorDataset(X_val, torch.tensor(y_val)), 64)

    model = TwoStage()
    optimizer = optim.Adam(
        [
            # the fault: 1e-8, meant to be 1e-3; the encoder all but stands still
            {"params": model.encoder.parameters(), "lr": 1e-8},
            {"params": model.classifier.parameters(), "lr": 1e-3},
        ]
    )
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        loss = train_one_epoch(model, train_loader, optimizer, criterion)
        print(f"epoch {epoch} loss {loss:.4f} val acc {evaluate(model, val_loader):.4f}")


if __name__ == "__main__":
    main()
