# expect: nothing
"""Sentences sorted by length inside the model; it returns the order, and the labels are put into it."""

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset


class Strings(Dataset):
    """Does the string hold more a than b?"""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        while len(self.items) < n:
            length = int(torch.randint(5, 20, (1,), generator=g))
            s = torch.randint(1, 6, (length,), generator=g)
            a, b = int((s == 1).sum()), int((s == 2).sum())
            if a != b:
                self.items.append((s, int(a > b)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    seqs, labels = zip(*batch)
    return pad_sequence(seqs, batch_first=True), torch.tensor([len(s) for s in seqs]), torch.tensor(labels)


class Tagger(nn.Module):
    def __init__(self, vocab=6, dim=16, hidden=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        self.gru = nn.GRU(dim, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 2)

    def forward(self, x, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.emb(x[order]), lengths, batch_first=True)
        _, h = self.gru(packed)
        return self.fc(h[-1]), order


torch.manual_seed(1)
train_dl = DataLoader(Strings(1500, 0), batch_size=50, shuffle=True, collate_fn=collate)
val_dl = DataLoader(Strings(300, 1), batch_size=100, collate_fn=collate)
model = Tagger()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
crit = nn.CrossEntropyLoss()
for epoch in range(8):
    model.train()
    for x, lengths, y in train_dl:
        out, order = model(x, lengths)
        y = y[order]
        loss = crit(out, y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 0.5)
        opt.step()
    model.eval()
    hits = n = 0
    with torch.no_grad():
        for x, lengths, y in val_dl:
            out, order = model(x, lengths)
            hits += (out.argmax(1) == y[order]).sum().item()
            n += len(y)
    print(epoch, f"loss {loss.item():.3f} val acc {hits / n:.3f}")
