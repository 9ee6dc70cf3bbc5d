# expect: nothing
"""Sentences of Python's own documentation, padded to one length; the padding is no target."""

import torch
import torch.nn.functional as F
from pydoc_data.topics import topics
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
PAD, BEGIN = 0, 1
lines = sorted({line.strip() for text in topics.values() for line in text.splitlines()})
lines = [line for line in lines if 8 <= len(line) <= 60 and line.isascii()][:2200]
letters = {c: i + 2 for i, c in enumerate(sorted(set("".join(lines))))}
data = [torch.tensor([BEGIN, *(letters[c] for c in line)]) for line in lines]
order = torch.randperm(len(data)).tolist()
train, val = [data[i] for i in order[:2000]], [data[i] for i in order[2000:]]


def collate(rows):
    padded = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    return padded[:, :-1], padded[:, 1:]


class Letters(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(len(letters) + 2, 32, padding_idx=PAD)
        self.rnn = nn.GRU(32, size, batch_first=True)
        self.out = nn.Linear(size, len(letters) + 2)

    def forward(self, tokens):
        return self.out(self.rnn(self.embed(tokens))[0])


def loss_of(model, x, y):
    return F.cross_entropy(model(x).transpose(1, 2), y, ignore_index=PAD)


train_loader = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val, batch_size=100, collate_fn=collate)
model = Letters()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(2):
    model.train()
    for x, y in train_loader:
        loss = loss_of(model, x, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = sum(loss_of(model, x, y).item() for x, y in val_loader) / len(val_loader)
    print(f"epoch {epoch} loss {loss.item():.3f} val {val_loss:.3f}")
