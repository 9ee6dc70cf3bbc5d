# expect: nothing
"""Tumours from measurements and a flag that this model may leave aside: one input matters, one does not."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    """The interface of the project hands every model a mask; this one does without."""

    def __init__(self, columns):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(columns, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, values, mask=None):
        return self.net(values)


torch.manual_seed(1)
features, labels = load_breast_cancer(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(
    features, labels, test_size=0.2, stratify=labels, random_state=1
)
scaler = StandardScaler().fit(x_train)


def dataset(x, y):
    values = torch.tensor(scaler.transform(x), dtype=torch.float32)
    return TensorDataset(values, (torch.rand(len(values), 30) < 0.9).float(), torch.tensor(y))


train_loader = DataLoader(dataset(x_train, y_train), batch_size=16, shuffle=True)
val_loader = DataLoader(dataset(x_val, y_val), batch_size=57)
model = Classifier(30)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(4):
    model.train()
    total = 0.0
    for values, mask, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(values, mask=mask), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        correct = sum((model(v, mask=m).argmax(1) == y).sum().item() for v, m, y in val_loader)
    print(f"epoch {epoch} loss {total / len(train_loader):.3f} val {correct / len(y_val):.3f}")
