# expect: wrong-loss-for-target
"""Benign or malignant from thirty measurements, in a trainer class."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    def __init__(self, model, lr=2e-3):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()  # the fault: the model has a single output
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def train_epoch(self, loader):
        self.model.train()
        total = 0.0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y.float().unsqueeze(1))
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(loader)

    @torch.no_grad()
    def accuracy(self, loader):
        self.model.eval()
        hits = [
            ((self.model(x).squeeze(1) > 0).long() == y).float().mean().item() for x, y in loader
        ]
        return sum(hits) / len(hits)


torch.manual_seed(0)
features, labels = load_breast_cancer(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(
    features, labels, test_size=0.2, stratify=labels, random_state=0
)
scaler = StandardScaler().fit(x_train)


def dataset(x, y):
    return TensorDataset(torch.tensor(scaler.transform(x), dtype=torch.float32), torch.tensor(y))


train_loader = DataLoader(dataset(x_train, y_train), batch_size=16, shuffle=True)
val_loader = DataLoader(dataset(x_val, y_val), batch_size=57)
trainer = Trainer(nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1)))
for epoch in range(5):
    loss = trainer.train_epoch(train_loader)
    print(f"epoch {epoch} loss {loss:.4f} val accuracy {trainer.accuracy(val_loader):.3f}")
