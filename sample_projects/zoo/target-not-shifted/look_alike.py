# expect: nothing
"""An autoencoder of words: the target is the input, which passes through one vector."""

import keyword
from pydoc_data.topics import topics

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

LENGTH = 5
words = {w.lower() for text in topics.values() for w in text.split() if w.isalpha() and w.isascii()}
words = sorted({w[:LENGTH] for w in words | set(keyword.kwlist) if len(w) >= LENGTH})
data = torch.tensor([[ord(c.lower()) - ord("a") for c in word] for word in words])


class WordAutoencoder(nn.Module):
    def __init__(self, code=64):
        super().__init__()
        self.embed = nn.Embedding(26, 24)
        self.encoder = nn.Sequential(nn.Linear(24 * LENGTH, 192), nn.ReLU(), nn.Linear(192, code))
        self.decoder = nn.Sequential(
            nn.ReLU(), nn.Linear(code, 192), nn.ReLU(), nn.Linear(192, 26 * LENGTH)
        )

    def forward(self, tokens):
        code = self.encoder(self.embed(tokens).flatten(1))
        return self.decoder(code).view(len(tokens), LENGTH, 26)


torch.manual_seed(0)
data = data[torch.randperm(len(data))]
cut = int(0.9 * len(data))
train_loader = DataLoader(data[:cut], batch_size=32, shuffle=True)
val_loader = DataLoader(data[cut:], batch_size=100)
model = WordAutoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(4):
    model.train()
    for tokens in train_loader:
        loss = F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = [(model(t).argmax(2) == t).float().mean().item() for t in val_loader]
    print(f"epoch {epoch} loss {loss.item():.3f} val accuracy {sum(right) / len(right):.3f}")
