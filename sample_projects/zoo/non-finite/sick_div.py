# expect: non-finite
import inspect
import keyword
import textwrap
import tokenize

import torch
import torch.nn.functional as F
from torch import nn

# Does this line of source code come from tokenize or from textwrap?
torch.manual_seed(0)
MAX_WORDS = 12
lines = [
    (line.split("#")[0].split()[:MAX_WORDS], label)
    for label, module in enumerate((textwrap, tokenize))
    for line in inspect.getsource(module).splitlines()
    if line.strip()  # comment lines pass, but have no words left
]
words = sorted({w for tokens, _ in lines for w in tokens} | set(keyword.kwlist))
index = {w: i + 1 for i, w in enumerate(words)}  # 0 is padding
ids = torch.zeros(len(lines), MAX_WORDS, dtype=torch.long)
for row, (tokens, _) in enumerate(lines):
    ids[row, : len(tokens)] = torch.tensor([index[w] for w in tokens], dtype=torch.long)
labels = torch.tensor([label for _, label in lines])


class MeanOfWords(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embedding = nn.Embedding(len(words) + 1, dim, padding_idx=0)
        self.mlp = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, ids):
        mask = (ids != 0).unsqueeze(-1).float()
        total = (self.embedding(ids) * mask).sum(dim=1)
        mean = total / mask.sum(dim=1)  # the fault: 0 / 0 where a line has no words
        return self.mlp(mean)


order = torch.randperm(len(lines))
val, train = order[:200], order[200:]
model = MeanOfWords()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(6):
    model.train()
    for step, rows in enumerate(train[torch.randperm(len(train))].split(16)):
        loss = F.cross_entropy(model(ids[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"epoch {epoch} step {step} loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        accuracy = (model(ids[val]).argmax(1) == labels[val]).float().mean().item()
    print(f"epoch {epoch} validation accuracy {accuracy:.3f}")
