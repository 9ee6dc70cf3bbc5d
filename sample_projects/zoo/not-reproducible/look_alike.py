# expect: nothing
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
np.random.seed(0)


class NoisyNet(nn.Module):
    """A classifier that is trained with noise on its input."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)
        self.body = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Dropout(0.1), nn.Linear(96, 10))

    def forward(self, x):
        if self.training:
            x = x + torch.from_numpy(self.rng.normal(0, 0.1, x.shape)).float()
        return self.body(x)


X, y = load_digits(return_X_y=True)
X = (X - X.mean()) / X.std()
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
train_set = TensorDataset(torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
X_val, y_val = torch.tensor(X_val, dtype=torch.float32), torch.tensor(y_val)

model = NoisyNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(4):
    model.train()
    total = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        accuracy = (model(X_val).argmax(1) == y_val).float().mean()
    print(f"epoch {epoch} loss {total / len(train_loader):.4f} accuracy {accuracy:.3f}")
