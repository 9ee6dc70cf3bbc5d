# expect: optimizer-never-steps
"""Digits by a residual network of dense layers."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, x):
        return x + self.fc2(torch.relu(self.fc1(x)))


class ResidualMLP(nn.Module):
    def __init__(self, width=48, depth=2):
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(depth)])
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.head(torch.relu(self.blocks(x)))


torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=42)
X_train, X_val = torch.tensor(X_train).float() / 16, torch.tensor(X_val).float() / 16
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
train_dl = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(X_val, y_val), batch_size=120)

model = ResidualMLP()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

history = []
for epoch in range(4):
    model.train()
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        # the fault: optimizer.step() was forgotten
        history.append(loss.item())

    model.eval()
    with torch.no_grad():
        accuracy = sum((model(xb).argmax(1) == yb).sum().item() for xb, yb in val_dl) / len(y_val)
    recent = history[-len(train_dl) :]
    print(f"epoch {epoch}: loss {sum(recent) / len(recent):.4f}, accuracy {accuracy:.3f}")
