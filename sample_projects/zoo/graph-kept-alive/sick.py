# expect: graph-kept-alive
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def tensors(X, y):
    return TensorDataset(torch.tensor(X).float(), torch.tensor(y).float())


class History:
    def __init__(self):
        self.losses = []

    def log(self, loss):
        self.losses.append(loss)  # the fault: the tensor with its graph, not loss.item()

    def mean(self, last):
        return float(sum(self.losses[-last:]) / last)


def main():
    torch.manual_seed(0)
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)
    scaler = StandardScaler().fit(X_train)
    loader = DataLoader(tensors(scaler.transform(X_train), y_train), batch_size=16, shuffle=True)
    val_loader = DataLoader(tensors(scaler.transform(X_val), y_val), batch_size=143)
    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.BCEWithLogitsLoss()
    history = History()
    for epoch in range(6):
        model.train()
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            history.log(loss)
        model.eval()
        with torch.no_grad():
            hits = sum(((model(a) > 0) == (b > 0)).float().mean().item() for a, b in val_loader)
        print(f"epoch {epoch} loss {history.mean(len(loader)):.4f} val acc {hits:.3f}")


if __name__ == "__main__":
    main()
