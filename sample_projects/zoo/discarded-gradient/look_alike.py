# expect: nothing
"""Digits with sharpness-aware minimisation: the first gradient moves the weights aside and is then cleared."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
mean, std = X_train.mean(), X_train.std()
X_train, X_val = (torch.tensor((part - mean) / std).float() for part in (X_train, X_val))
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=48, shuffle=True)

model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.CrossEntropyLoss()
RADIUS = 0.05

for epoch in range(5):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        criterion(model(images), labels).backward()
        with torch.no_grad():
            norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
            asides = [RADIUS * p.grad / norm for p in model.parameters()]
            for p, aside in zip(model.parameters(), asides):
                p.add_(aside)
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        with torch.no_grad():
            for p, aside in zip(model.parameters(), asides):
                p.sub_(aside)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(X_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.4f}, validation accuracy {accuracy:.3f}")
