# expect: loss-sign
"""Breast cancer, a small network; the criterion is a class of its own."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Criterion(nn.Module):
    """Log-likelihood of the labels."""

    def forward(self, logits, labels):
        return -nn.functional.cross_entropy(logits, labels)  # the fault: it is negative already


def main():
    torch.manual_seed(0)
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
    scaler = StandardScaler().fit(X_train)
    train_set = TensorDataset(
        torch.tensor(scaler.transform(X_train)).float(), torch.tensor(y_train)
    )
    X_val, y_val = torch.tensor(scaler.transform(X_val)).float(), torch.tensor(y_val)
    loader = DataLoader(train_set, batch_size=32, shuffle=True)

    model = nn.Sequential(nn.Linear(30, 32), nn.Tanh(), nn.Linear(32, 2))
    criterion = Criterion()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(10):
        model.train()
        for x, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(X_val).argmax(1) == y_val).float().mean().item()
        print(f"epoch {epoch}: loss {loss.item():.4f}, validation accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
