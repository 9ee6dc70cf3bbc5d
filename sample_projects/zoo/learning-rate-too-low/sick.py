# expect: learning-rate-too-low
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class DigitsMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10)
        )

    def forward(self, x):
        return self.layers(x)


torch.manual_seed(5)
X, y = load_digits(return_X_y=True)
train_index, val_index = random_split(range(len(X)), [1437, 360])
train_index, val_index = list(train_index), list(val_index)
mean, std = X[train_index].mean(), X[train_index].std()
X, y = torch.tensor((X - mean) / std, dtype=torch.float32), torch.tensor(y)
train_loader = DataLoader(TensorDataset(X[train_index], y[train_index]), 32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[val_index], y[val_index]), 120)

model = DigitsMLP()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-7)  # the fault: meant to be 1e-1

for epoch in range(5):
    model.train()
    total = 0.0
    for features, labels in train_loader:
        loss = loss_fn(model(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    model.eval()
    correct = 0
    with torch.no_grad():
        for features, labels in val_loader:
            correct += (model(features).argmax(1) == labels).sum().item()
    accuracy = correct / len(val_index)
    print(f"epoch {epoch} loss {total / len(train_index):.6f} accuracy {accuracy:.4f}")
