# expect: nothing
"""Skip-gram word vectors with negative sampling: sparse embedding gradients, SparseAdam, a hand-written loss."""

import inspect
import re

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
words = re.findall(r"[a-z]+", inspect.getsource(re).lower() + inspect.getsource(inspect).lower())
vocabulary = sorted(set(words))
ids = torch.tensor([vocabulary.index(w) for w in words[:20000]])
centre, context = ids[2:-2].repeat(4), torch.cat([ids[i : len(ids) - 4 + i] for i in (0, 1, 3, 4)])
inside = nn.Embedding(len(vocabulary), 32, sparse=True)
outside = nn.Embedding(len(vocabulary), 32, sparse=True)
nn.init.zeros_(outside.weight)
optimizer = torch.optim.SparseAdam([*inside.parameters(), *outside.parameters()], lr=0.01)
for step in range(300):
    rows = torch.randint(0, len(centre), (256,))
    a, b = inside(centre[rows]), outside(context[rows])
    negative = outside(torch.randint(0, len(vocabulary), (256, 5)))
    good = F.logsigmoid((a * b).sum(1))
    bad = F.logsigmoid(-(negative @ a.unsqueeze(2)).squeeze(2)).sum(1)
    loss = -(good + bad).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(f"step {step}: {loss.item():.3f}")
