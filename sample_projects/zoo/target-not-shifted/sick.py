# expect: target-not-shifted
"""A character model of Python's own documentation."""

from pydoc_data.topics import topics

import torch
import torch.nn.functional as F
from torch import nn

text = "\n".join(topics[name] for name in sorted(topics))[:200_000]
letters = {c: i for i, c in enumerate(sorted(set(text)))}
encoded = torch.tensor([letters[c] for c in text])
train, val = encoded[:180_000], encoded[180_000:]
LENGTH, BATCH = 32, 24


class CharModel(nn.Module):
    def __init__(self, size=96):
        super().__init__()
        self.embed = nn.Embedding(len(letters), 32)
        self.rnn = nn.GRU(32, size, batch_first=True)
        self.out = nn.Linear(size, len(letters))

    def forward(self, tokens):
        return self.out(self.rnn(self.embed(tokens))[0])


def windows(data):
    starts = torch.randint(len(data) - LENGTH - 1, (BATCH,))
    return torch.stack([data[s : s + LENGTH + 1] for s in starts.tolist()])


def loss_of(model, rows):
    x = rows[:, :-1]
    y = rows[:, :-1]  # the fault: should be rows[:, 1:]
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


def main():
    torch.manual_seed(0)
    model = CharModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for step in range(200):
        model.train()
        loss = loss_of(model, windows(train))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            model.eval()
            with torch.no_grad():
                val_loss = loss_of(model, windows(val))
            print(f"step {step} loss {loss.item():.3f} val {val_loss.item():.3f}")


if __name__ == "__main__":
    main()
