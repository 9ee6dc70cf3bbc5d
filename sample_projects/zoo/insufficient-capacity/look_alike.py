# expect: nothing
"""Digits as sequences of rows, pooled by attention: its score is a layer with one output, beside the path."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
mean, std = X_train.mean(), X_train.std()
train_set = TensorDataset(
    torch.tensor((X_train - mean) / std).float().reshape(-1, 8, 8), torch.tensor(y_train)
)
X_val, y_val = torch.tensor((X_val - mean) / std).float().reshape(-1, 8, 8), torch.tensor(y_val)
loader = DataLoader(train_set, batch_size=32, shuffle=True)


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.GRU(8, 48, batch_first=True)
        self.score = nn.Linear(48, 1)
        self.head = nn.Linear(48, 10)

    def forward(self, x):
        states, _ = self.rows(x)
        share = torch.softmax(self.score(states), dim=1)
        return self.head((share * states).sum(dim=1))


model = Pooled()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(4):
    model.train()
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(X_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.4f}, validation accuracy {accuracy:.3f}")
