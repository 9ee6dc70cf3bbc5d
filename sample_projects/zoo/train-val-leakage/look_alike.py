# expect: nothing
"""Digits; after each epoch both splits are scored in eval mode by the same function."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_loaders():
    X, y = load_digits(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(
        X / 16, y, test_size=0.2, stratify=y, random_state=0
    )
    train_set = TensorDataset(torch.tensor(X_train).float(), torch.tensor(y_train))
    val_set = TensorDataset(torch.tensor(X_val).float(), torch.tensor(y_val))
    return {
        "train": DataLoader(train_set, batch_size=32, shuffle=True),
        "train_scoring": DataLoader(train_set, batch_size=256),
        "val": DataLoader(val_set, batch_size=256),
    }


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 64)
        self.drop = nn.Dropout(0.2)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc2(self.drop(torch.relu(self.fc1(x))))


@torch.no_grad()
def score(model, loader, criterion):
    model.eval()
    loss, hits, n = 0.0, 0, 0
    for x, y in loader:
        logits = model(x)
        loss += criterion(logits, y).item() * len(y)
        hits += (logits.argmax(dim=1) == y).sum().item()
        n += len(y)
    return loss / n, hits / n


def main():
    torch.manual_seed(0)
    loaders = make_loaders()
    model = Classifier()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(4):
        model.train()
        for x, y in loaders["train"]:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        for split in ("train_scoring", "val"):
            loss, accuracy = score(model, loaders[split], criterion)
            print(f"epoch {epoch} {split:14} loss {loss:.3f} accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
