# expect: nothing
"""Digits by their distance to learnt prototypes: all pairs of samples and prototypes, on purpose."""

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
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True, drop_last=True)


class Prototypes(nn.Module):
    """As many prototypes as samples in a batch; the class of a prototype is its number modulo 10."""

    def __init__(self, count=32):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 16))
        self.prototypes = nn.Parameter(0.3 * torch.randn(count, 16))
        self.register_buffer("member", nn.functional.one_hot(torch.arange(count) % 10, 10).float())

    def forward(self, x):
        z = self.embed(x)
        squares = z.pow(2).sum(1, keepdim=True)  # (32, 1)
        own = self.prototypes.pow(2).sum(1)  # (32,)
        distance = squares + own - 2 * z @ self.prototypes.T
        return torch.logsumexp(-distance[:, :, None] + (self.member - 1) * 1e4, dim=1)


model = Prototypes()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(6):
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
