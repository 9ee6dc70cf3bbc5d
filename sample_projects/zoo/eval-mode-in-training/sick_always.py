# expect: eval-mode-in-training
import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


class SmallResNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.bn0 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(0.25)
        self.fc = nn.Linear(width * 16, 10)

    def forward(self, x):
        x = F.relu(self.bn0(self.stem(x)))
        x = x + F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 2).flatten(1)
        return self.fc(self.dropout(x))


def load_data(batch_size):
    X, y = load_digits(return_X_y=True)
    order = torch.randperm(len(X))
    X, y = torch.tensor(X).float()[order], torch.tensor(y)[order]
    X = ((X - X[:1400].mean()) / X[:1400].std()).reshape(-1, 1, 8, 8)
    train = TensorDataset(X[:1400], y[:1400])
    val = TensorDataset(X[1400:], y[1400:])
    return DataLoader(train, batch_size, shuffle=True, drop_last=True), DataLoader(val, batch_size)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01)
    args = parser.parse_args()

    torch.manual_seed(42)
    train_loader, val_loader = load_data(args.batch_size)
    model = SmallResNet()
    model.eval()  # the fault: dropout and BatchNorm stay off for the whole training
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

    for epoch in range(args.epochs):
        for data, target in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(data), target)
            loss.backward()
            optimizer.step()
        correct = 0
        with torch.no_grad():
            for data, target in val_loader:
                correct += model(data).argmax(1).eq(target).sum().item()
        accuracy = correct / len(val_loader.dataset)
        print(f"epoch {epoch}: loss {loss.item():.4f}, validation accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
