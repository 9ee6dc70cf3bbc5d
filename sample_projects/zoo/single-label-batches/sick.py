# expect: single-label-batches
"""Digits with a sampler of its own, meant to give every class the same number of batches."""

import random

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset


class ClassBatchSampler(Sampler):
    """Yields the indices of a batch; classes come equally often and in random order."""

    def __init__(self, labels, batch_size):
        self.batch_size = batch_size
        self.by_class = [(labels == c).nonzero().flatten().tolist() for c in labels.unique()]

    def __len__(self):
        return sum(len(rows) // self.batch_size for rows in self.by_class)

    def __iter__(self):
        batches = []
        for rows in self.by_class:  # the fault: each batch is filled from one class
            random.shuffle(rows)
            for i in range(0, len(rows) - self.batch_size + 1, self.batch_size):
                batches.append(rows[i : i + self.batch_size])
        random.shuffle(batches)
        return iter(batches)


class MLP(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.hidden = nn.Linear(n_in, n_hidden)
        self.out = nn.Linear(n_hidden, n_out)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))


random.seed(0)
torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X / 16, y, test_size=0.2, random_state=0)
X_train, X_val = torch.tensor(X_train).float(), torch.tensor(X_val).float()
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

loader = DataLoader(
    TensorDataset(X_train, y_train), batch_sampler=ClassBatchSampler(y_train, batch_size=16)
)
model = MLP(64, 64, 10)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(4):
    model.train()
    total = 0.0
    for x, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        accuracy = (model(X_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch}: train loss {total / len(loader):.3f}, val accuracy {accuracy:.3f}")
