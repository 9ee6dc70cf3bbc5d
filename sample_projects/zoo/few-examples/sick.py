# expect: few-examples
"""Four kinds of signals, thirty of each to learn from."""

import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, labels = make_classification(
    n_samples=520, n_features=16, n_informative=10, n_classes=4, class_sep=1.5, random_state=3
)
X = torch.tensor(X, dtype=torch.float32)
labels = torch.tensor(labels)
n_train = 120
x_val, y_val = X[n_train:], labels[n_train:]
X, labels = X[:n_train], labels[:n_train]
mean, std = X.mean(0), X.std(0)
X, x_val = (X - mean) / std, (x_val - mean) / std

train_loader = DataLoader(TensorDataset(X, labels), batch_size=8, shuffle=True)

model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(10):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        right = model(x_val).argmax(1) == y_val
    print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, val {right.float().mean():.3f}")
