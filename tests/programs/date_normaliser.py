# expect: nothing
"""Dates as people type them ("march 3rd, 1987", "3.3.87") to ISO dates, character by character: a GRU encoder and a
GRU decoder with dot-product attention, trained with teacher forcing and Adam, scored by greedy decoding."""

import datetime
import random

import torch
from torch import nn
from torch.nn import functional as F

SEED = 5
EPOCHS = 8
BATCH = 64
HIDDEN = 64
PAD, BOS, EOS = 0, 1, 2
CHARS = " ,./-0123456789abcdefghijklmnopqrstuvwxyz"
STOI = {c: i + 3 for i, c in enumerate(CHARS)}
VOCAB = len(CHARS) + 3


def suffix(day):
    if day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def write_down(date):
    """Write a date in one of the usual ways."""
    d, y = date.day, date.year
    long, short = date.strftime("%B").lower(), date.strftime("%b").lower()
    return random.choice(
        [
            f"{long} {d}{suffix(d)}, {y}",
            f"{d} {long} {y}",
            f"{short} {d} {y}",
            f"{d:02d}-{short}-{y}",
            f"{d}.{date.month}.{y}",
            f"{y}/{date.month:02d}/{d:02d}",
            f"the {d}{suffix(d)} of {long} {y}",
        ]
    )


def make_pairs(n):
    first = datetime.date(1950, 1, 1).toordinal()
    last = datetime.date(2029, 12, 31).toordinal()
    dates = [datetime.date.fromordinal(o) for o in random.sample(range(first, last), n)]
    return [(write_down(d), d.isoformat()) for d in dates]


def encode(pairs):
    """Return padded sources and the targets (all targets are equally long)."""
    src = [torch.tensor([STOI[c] for c in s]) for s, _ in pairs]
    tgt = [torch.tensor([BOS] + [STOI[c] for c in t] + [EOS]) for _, t in pairs]
    return nn.utils.rnn.pad_sequence(src, batch_first=True, padding_value=PAD), torch.stack(tgt)


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 32, padding_idx=PAD)
        self.encoder = nn.GRU(32, HIDDEN // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(32, HIDDEN, batch_first=True)
        self.query = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.merge = nn.Linear(2 * HIDDEN, HIDDEN)
        self.out = nn.Linear(HIDDEN, VOCAB)

    def encode(self, src):
        lengths = (src != PAD).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(src), lengths, batch_first=True, enforce_sorted=False)
        memory, hidden = self.encoder(packed)
        memory, _ = nn.utils.rnn.pad_packed_sequence(memory, batch_first=True, total_length=src.shape[1])
        return memory, torch.cat([hidden[0], hidden[1]], dim=-1).unsqueeze(0)

    def decode(self, tokens, hidden, memory, src):
        states, hidden = self.decoder(self.embed(tokens), hidden)
        scores = self.query(states) @ memory.transpose(1, 2) / HIDDEN**0.5
        scores = scores.masked_fill((src == PAD).unsqueeze(1), float("-inf"))
        context = scores.softmax(-1) @ memory
        merged = torch.tanh(self.merge(torch.cat([states, context], dim=-1)))
        return self.out(merged), hidden

    def forward(self, src, tokens):
        memory, hidden = self.encode(src)
        return self.decode(tokens, hidden, memory, src)[0]

    @torch.no_grad()
    def greedy(self, src, steps):
        memory, hidden = self.encode(src)
        token = torch.full((len(src), 1), BOS)
        result = []
        for _ in range(steps):
            logits, hidden = self.decode(token, hidden, memory, src)
            token = logits.argmax(-1)
            result.append(token)
        return torch.cat(result, dim=1)


random.seed(SEED)
torch.manual_seed(SEED)
pairs = make_pairs(3400)
train_src, train_tgt = encode(pairs[:2800])
val_src, val_tgt = encode(pairs[2800:])

model = Seq2Seq()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.85)
for epoch in range(EPOCHS):
    model.train()
    order = torch.randperm(len(train_src))
    total = 0.0
    for idx in order.split(BATCH):
        src, tgt = train_src[idx], train_tgt[idx]
        logits = model(src, tgt[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tgt[:, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        total += loss.item() * len(idx)
    sched.step()
    model.eval()
    guess = model.greedy(val_src, steps=val_tgt.shape[1] - 1)
    exact = (guess == val_tgt[:, 1:]).all(dim=1).float().mean().item()
    print(f"epoch {epoch:>2} loss {total / len(train_src):.4f} exact match on validation: {exact:.3f}")
