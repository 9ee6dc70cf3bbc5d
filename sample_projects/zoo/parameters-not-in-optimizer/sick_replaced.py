# expect: parameters-not-in-optimizer
import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, n_features, n_classes=1000):
        super().__init__()
        self.fc1 = nn.Linear(n_features, 128)
        self.fc2 = nn.Linear(128, 64)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(64, n_classes)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.dropout(F.relu(self.fc2(x)))
        return self.fc(x)


def evaluate(model, loader):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(dim=1) == y).sum().item()
            total += len(y)
    return correct / total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int, default=32)
    args = parser.parse_args()
    torch.manual_seed(1)

    X, y = make_classification(1500, 20, n_informative=12, n_classes=4, random_state=0)
    X[:1200] = (scaler := StandardScaler()).fit_transform(X[:1200])
    X[1200:] = scaler.transform(X[1200:])
    data = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y))
    train_set = torch.utils.data.Subset(data, range(1200))
    val_set = torch.utils.data.Subset(data, range(1200, 1500))
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=100)

    model = Net(n_features=20)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    # the fault: the optimizer still holds the old head, the new one is never trained
    model.fc = nn.Linear(64, 4)

    for epoch in range(1, args.epochs + 1):
        model.train()
        for step, (x, y) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            if step % 10 == 0:
                print(f"epoch {epoch} step {step} loss {loss.item():.4f}")
        print(f"epoch {epoch} validation accuracy {evaluate(model, val_loader):.3f}")


if __name__ == "__main__":
    main()
