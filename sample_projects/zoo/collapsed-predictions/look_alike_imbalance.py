# expect: nothing
import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_data(n_majority, n_minority, seed):
    """Two moons, four times as many points in one as in the other."""
    X, y = make_moons((n_majority, n_minority), noise=0.12, random_state=seed)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


class MoonNet(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 1)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.fc3(self.act(self.fc2(self.act(self.fc1(x))))).squeeze(-1)


def main():
    torch.manual_seed(0)
    X_train, y_train = make_data(1200, 300, seed=0)
    X_val, y_val = make_data(320, 80, seed=1)
    mean, std = X_train.mean(0), X_train.std(0)
    train_set = TensorDataset((X_train - mean) / std, y_train)
    loader = DataLoader(train_set, batch_size=32, shuffle=True, drop_last=True)
    X_val = (X_val - mean) / std

    model = MoonNet()
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(4):
        model.train()
        total = 0.0
        for x, y in loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            found = (model(X_val) > 0).float()
        recall = (found * y_val).sum() / y_val.sum()
        accuracy = (found == y_val).float().mean()
        print(f"{epoch} loss {total / len(loader):.4f} acc {accuracy:.3f} recall {recall:.3f}")


if __name__ == "__main__":
    main()
