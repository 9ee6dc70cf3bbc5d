# expect: nothing
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
LENGTH, DIM, CLASSES = 10, 8, 3


def make_data(n):
    """Sequences of random length (at least 2); the class is where their mean points."""
    x = torch.randn(n, LENGTH, DIM)
    y = torch.randint(CLASSES, (n,))
    x[torch.arange(n), :, y] += 1.0
    lengths = torch.randint(2, LENGTH + 1, (n,))
    padded = torch.arange(LENGTH) >= lengths.unsqueeze(1)
    return x.masked_fill(padded.unsqueeze(-1), 0.0), padded, y


def safe_norm(x):
    """Return the length of the vectors; padding is exactly 0, where sqrt has no slope."""
    square = (x**2).sum(dim=-1, keepdim=True)
    empty = square == 0
    return torch.where(empty, 0.0, torch.sqrt(torch.where(empty, 1.0, square)))


class MaskedAttention(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Linear(DIM + 1, dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, CLASSES)

    def forward(self, x, padded):
        h = torch.relu(self.embed(torch.cat([x, safe_norm(x)], dim=-1)))
        q, k, v = self.qkv(h).chunk(3, dim=-1)
        scores = q @ k.transpose(1, 2) / math.sqrt(q.size(-1))
        scores = scores.masked_fill(padded.unsqueeze(1), float("-inf"))  # no row is all padding
        h = h + torch.softmax(scores, dim=-1) @ v
        real = (~padded).unsqueeze(-1).float()
        h = (h * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)
        return torch.softmax(self.out(h), dim=-1)


def nll(probs, target, eps=1e-8):
    return -torch.log(probs.gather(1, target.unsqueeze(1)) + eps).mean()


train_set, val_set = TensorDataset(*make_data(1600)), TensorDataset(*make_data(400))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model = MaskedAttention()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

for epoch in range(4):
    model.train()
    for x, padded, y in train_loader:
        loss = nll(model(x, padded), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x, padded).argmax(1) == y).sum().item() for x, padded, y in val_loader)
    print(f"epoch {epoch} loss {loss.item():.4f} validation accuracy {hits / len(val_set):.3f}")
