# expect: nothing
import math

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        qkv = self.qkv(x).view(b, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, dim per head)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, t, d))


class RowTransformer(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Linear(8, dim)
        self.position = nn.Parameter(torch.randn(8, dim) * 0.1)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, heads=4)
        self.mlp = nn.Sequential(nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, dim))
        self.out = nn.Linear(dim, 10)

    def forward(self, x):
        x = self.embed(x) + self.position
        x = x + self.attention(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return self.out(x.mean(dim=1))


def negative_log_likelihood(logits, labels):
    log_probs = torch.log_softmax(logits, dim=1)
    return -log_probs[torch.arange(len(labels)), labels].mean()


torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
mean, std = X_train.mean(), X_train.std()
x_train = torch.tensor((X_train - mean) / std, dtype=torch.float32).view(-1, 8, 8)
x_val = torch.tensor((X_val - mean) / std, dtype=torch.float32).view(-1, 8, 8)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
# As many samples as time steps in a batch: the shapes alone do not tell the axes apart.
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=8, shuffle=True, drop_last=True)

model = RowTransformer()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for epoch in range(3):
    model.train()
    for rows, labels in loader:
        optimizer.zero_grad()
        loss = negative_log_likelihood(model(rows), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = model(x_val)
        val_loss = negative_log_likelihood(logits, y_val).item()
    accuracy = (logits.argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch} val loss {val_loss:.4f} val accuracy {accuracy:.3f}")
