# expect: nothing
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.hidden = nn.ModuleList(
            nn.Linear(a, b) for a, b in zip(sizes[:-2], sizes[1:-1], strict=True)
        )
        self.last = nn.Linear(sizes[-2], sizes[-1])
        for layer in self.hidden:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        # the last layer starts at zero, so the first prediction is uniform
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        for layer in self.hidden:
            x = layer(x).relu()
        return self.last(x)


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        hits = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(hits).mean().item()


def main():
    torch.manual_seed(0)
    X, y = load_digits(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)
    mean, std = X_train.mean(), X_train.std()
    X_train, X_val = (torch.tensor((X - mean) / std).float() for X in (X_train, X_val))
    train = DataLoader(TensorDataset(X_train, torch.tensor(y_train)), 32, shuffle=True)
    val = DataLoader(TensorDataset(X_val, torch.tensor(y_val)), 150)

    model = MLP([64, 64, 64, 10])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        model.train()
        for step, (x, y) in enumerate(train):
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 14 == 0:
                print(f"epoch {epoch} step {step} loss {loss.item():.4f}")
        print(f"epoch {epoch} validation accuracy {evaluate(model, val):.4f}")


if __name__ == "__main__":
    main()
