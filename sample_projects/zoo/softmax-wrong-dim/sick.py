# expect: softmax-wrong-dim
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
LENGTH, DIM = 20, 16


def make_data(n):
    """One of the vectors carries a mark; the class is written in that vector."""
    x = torch.randn(n, LENGTH, DIM)
    where = torch.randint(LENGTH, (n,))
    y = torch.randint(4, (n,))
    rows = torch.arange(n)
    x[rows, where, 0] = 4.0
    x[rows, where, 1:5] = 3.0 * F.one_hot(y, 4).float() - 0.75
    return x, y


class AttentionPooling(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, h):  # (batch, time, dim)
        scores = self.score(h).squeeze(-1)
        weights = F.softmax(scores, dim=0)  # the fault: over the batch, dim=1 is the time
        return (weights.unsqueeze(-1) * h).sum(dim=1)


class Model(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(DIM, hidden), nn.ReLU())
        self.pool = AttentionPooling(hidden)
        self.classifier = nn.Linear(hidden, 4)

    def forward(self, x):
        return self.classifier(self.pool(self.encoder(x)))


x, y = make_data(2400)
mean, std = x[:2000].mean(), x[:2000].std()
x = (x - mean) / std
train_loader = DataLoader(TensorDataset(x[:2000], y[:2000]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[2000:], y[2000:]), batch_size=1)

model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    model.train()
    for i, (xb, yb) in enumerate(train_loader):
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 20 == 0:
            print(f"epoch {epoch} [{i}/{len(train_loader)}] loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        hits = sum((model(xb).argmax(1) == yb).sum().item() for xb, yb in val_loader)
    print(f"epoch {epoch} accuracy {hits / len(val_loader.dataset):.3f}")
