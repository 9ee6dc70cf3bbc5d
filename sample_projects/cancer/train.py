# expect: nothing
"""Tell benign from malignant tumours (breast cancer Wisconsin)."""

import argparse
import copy

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 1)
        )

    def forward(self, x):
        return self.body(x).squeeze(-1)


def make_loaders(batch_size, seed):
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(
        x, y, test_size=0.2, random_state=seed, stratify=y
    )
    scaler = StandardScaler().fit(x_train)

    def loader(x, y, shuffle):
        x = torch.tensor(scaler.transform(x), dtype=torch.float32)
        y = torch.tensor(y, dtype=torch.float32)
        return DataLoader(TensorDataset(x, y), batch_size=batch_size, shuffle=shuffle)

    return loader(x_train, y_train, True), loader(x_val, y_val, False)


def validate(model, loader, criterion):
    model.eval()
    logits, labels = [], []
    with torch.no_grad():
        for x, y in loader:
            logits.append(model(x))
            labels.append(y)
    logits, labels = torch.cat(logits), torch.cat(labels)
    accuracy = ((logits > 0) == labels.bool()).float().mean().item()
    return criterion(logits, labels).item(), accuracy, roc_auc_score(labels, logits)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--patience", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train_loader, val_loader = make_loaders(args.batch_size, args.seed)
    model = Classifier(30, args.hidden)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

    best_loss, best_state, bad_epochs = float("inf"), None, 0
    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        val_loss, accuracy, auc = validate(model, val_loader, criterion)
        print(
            f"epoch {epoch:2d}: loss {running / len(train_loader):.4f}, val loss {val_loss:.4f}, "
            f"accuracy {accuracy:.3f}, AUC {auc:.4f}"
        )
        if val_loss < best_loss:
            best_loss, best_state, bad_epochs = val_loss, copy.deepcopy(model.state_dict()), 0
        else:
            bad_epochs += 1
            if bad_epochs == args.patience:
                print("no better for a while: stopping")
                break

    model.load_state_dict(best_state)
    val_loss, accuracy, auc = validate(model, val_loader, criterion)
    print(f"best: val loss {val_loss:.4f}, accuracy {accuracy:.3f}, AUC {auc:.4f}")


if __name__ == "__main__":
    main()
