# expect: learning-rate-too-high
import inspect
import string
import textwrap

import torch
import torch.nn as nn
from torch.nn import functional as F

torch.manual_seed(0)
CONTEXT, BATCH = 8, 64
text = inspect.getsource(textwrap) + inspect.getsource(string)
alphabet = sorted(set(text))
ids = torch.tensor([alphabet.index(c) for c in text])
cut = int(0.9 * len(ids))


class NextChar(nn.Module):
    """Bengio-style model: the last eight characters give the next one."""

    def __init__(self, dim=16, hidden=128):
        super().__init__()
        self.embedding = nn.Embedding(len(alphabet), dim)
        self.hidden = nn.Linear(CONTEXT * dim, hidden)
        self.output = nn.Linear(hidden, len(alphabet))

    def forward(self, context):
        h = torch.tanh(self.hidden(self.embedding(context).flatten(1)))
        return self.output(h)


def get_batch(low, high):
    start = torch.randint(low, high - CONTEXT, (BATCH,))
    window = ids[start.unsqueeze(1) + torch.arange(CONTEXT + 1)]
    return window[:, :-1], window[:, -1]


model = NextChar()
optimizer = torch.optim.Adam(model.parameters(), lr=0.3)  # the fault: meant to be 1e-2
for step in range(301):
    context, target = get_batch(0, cut)
    loss = F.cross_entropy(model(context), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        model.eval()
        with torch.no_grad():
            context, target = get_batch(cut, len(ids))
            val_loss = F.cross_entropy(model(context), target).item()
        model.train()
        print(f"step {step:3d} loss {loss.item():.3f} val loss {val_loss:.3f}")
