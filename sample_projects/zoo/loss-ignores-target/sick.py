# expect: loss-ignores-target
"""Handwritten digits with a small CNN."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = load_digits(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32).reshape(-1, 1, 8, 8)
X_train, X_val, y_train, y_val = train_test_split(X, torch.tensor(y), test_size=0.2, random_state=0)
mean, std = X_train.mean(), X_train.std()
train_loader = DataLoader(
    TensorDataset((X_train - mean) / std, y_train), batch_size=32, shuffle=True
)
val_loader = DataLoader(TensorDataset((X_val - mean) / std, y_val), batch_size=128)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32 * 16, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(3):
    model.train()
    correct = total = 0
    for images, labels in train_loader:
        logits = model(images)
        _, predicted = torch.max(logits, 1)
        loss = criterion(logits, predicted)  # the fault: the labels are meant
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        correct += (predicted == labels).sum().item()
        total += len(labels)

    model.eval()
    hits = 0
    with torch.no_grad():
        for images, labels in val_loader:
            hits += (model(images).argmax(1) == labels).sum().item()
    print(
        f"epoch {epoch}: loss {loss.item():.4f}, train {correct / total:.3f}, val {hits / len(y_val):.3f}"
    )
