# expect: nothing
import inspect
import random
import string

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
text = inspect.getsource(random) + inspect.getsource(string)
vocab = sorted(set(text))
encoded = torch.tensor([vocab.index(c) for c in text])
n = int(len(encoded) * 0.9)
CONTEXT = 12


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.conv = nn.Conv1d(dim, dim, kernel_size=3)

    def forward(self, x):
        h = F.pad(self.norm(x).transpose(1, 2), (2, 0))  # causal: pad on the left only
        return x + F.gelu(self.conv(h)).transpose(1, 2)


class LanguageModel(nn.Module):
    def __init__(self, dim=64, depth=3):
        super().__init__()
        self.embedding = nn.Embedding(len(vocab), dim)
        nn.init.normal_(self.embedding.weight, std=0.05)
        self.blocks = nn.ModuleList([Block(dim) for _ in range(depth)])
        self.gains = nn.ParameterList([nn.Parameter(torch.ones(dim)) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, len(vocab), bias=False)
        self.out.weight = self.embedding.weight  # tied
        self.layers = list(self.blocks)  # a second, plain list of registered layers

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block, gain in zip(self.layers, self.gains, strict=True):
            x = block(x) * gain
        return self.out(self.norm(x))


def sample(source, size=64):
    at = torch.randint(len(source) - CONTEXT - 1, (size, 1)) + torch.arange(CONTEXT + 1)
    window = source[at]
    return window[:, :-1], window[:, 1:]


model = LanguageModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(240):
    x, y = sample(encoded[:n])
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        model.eval()
        with torch.no_grad():
            x, y = sample(encoded[n:])
            val = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        model.train()
        print(f"step {step} train {loss.item():.3f} val {val.item():.3f}")
