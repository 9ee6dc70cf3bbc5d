# expect: nothing
"""Sentences as bags of words in batches of like length; each pass takes three quarters, others each time."""

import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

VOCABULARY = 60


class Sentences(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(0, 3, (n,), generator=g)
        lengths = torch.randint(4, 40, (n,), generator=g)
        self.lengths = lengths.tolist()
        self.words = []
        for label, length in zip(self.labels, self.lengths):
            topic = torch.randint(20 * int(label), 20 * int(label) + 20, (length,), generator=g)
            other = torch.randint(0, VOCABULARY, (length,), generator=g)
            use_topic = torch.rand(length, generator=g) < 0.3
            self.words.append(torch.where(use_topic, topic, other))

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        return self.words[i], self.labels[i]


class Buckets(Sampler):
    def __init__(self, lengths, batch_size):
        by_length = {}
        for i, length in enumerate(lengths):
            by_length.setdefault(length, []).append(i)
        self.batches = []
        for members in by_length.values():
            for start in range(0, len(members), batch_size):
                batch = members[start : start + batch_size]
                self.batches.append(batch)

    def __iter__(self):
        random.shuffle(self.batches)
        return iter(self.batches[: len(self)])

    def __len__(self):
        return 3 * len(self.batches) // 4


random.seed(0)
torch.manual_seed(0)
data = Sentences(1600, 1)
loader = DataLoader(data, batch_sampler=Buckets(data.lengths, 24))
val = Sentences(300, 2)
model = nn.Sequential(
    nn.EmbeddingBag(VOCABULARY, 32), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)
)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(5):
    model.train()
    total = 0.0
    for words, labels in loader:
        loss = nn.functional.cross_entropy(model(words), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        right = sum(
            int(model(w.unsqueeze(0)).argmax(1)) == int(y) for w, y in zip(val.words, val.labels)
        )
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val accuracy {right / 300:.3f}")
