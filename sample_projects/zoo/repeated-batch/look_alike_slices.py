# expect: nothing
"""Digits; one large batch is drawn at a time and cut into small ones, in another order each time."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = (torch.tensor(digits.data, dtype=torch.float32) - 4.88) / 6.02
y = torch.tensor(digits.target)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=300, random_state=0)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=256, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for round_ in range(60):
    model.train()
    inputs, labels = next(iter(loader))
    for part in torch.randperm(len(labels)).split(32):
        optimizer.zero_grad()
        loss = criterion(model(inputs[part]), labels[part])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"round {round_}: loss {loss.item():.3f}, accuracy {accuracy:.3f}")
