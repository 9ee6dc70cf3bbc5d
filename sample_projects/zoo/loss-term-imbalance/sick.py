# expect: loss-term-imbalance
"""Digits: a network that names the digit and draws it again from the same code."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
mean, std = X_train.mean(), X_train.std()
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32)
X_val = torch.tensor((X_val - mean) / std, dtype=torch.float32)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)


class TwoTasks(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.Tanh(), nn.Linear(96, 48), nn.Tanh())
        self.decoder = nn.Linear(48, 64)
        self.classifier = nn.Linear(48, 10)

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code), self.classifier(code)


model = TwoTasks()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(6):
    model.train()
    for images, labels in loader:
        drawn, logits = model(images)
        # the fault: a sum over all pixels and samples beside a mean over samples
        loss = F.mse_loss(drawn, images, reduction="sum") + F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        drawn, logits = model(X_val)
        accuracy = (logits.argmax(1) == y_val).float().mean().item()
        error = F.mse_loss(drawn, X_val).item()
    print(
        f"epoch {epoch}: loss {loss.item():.1f}, validation accuracy {accuracy:.3f}, mse {error:.3f}"
    )
