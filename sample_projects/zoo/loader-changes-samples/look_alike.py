# expect: nothing
"""Sequences of different length; the collate function sorts, pads, scales and puts time first."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset


class Walks(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(0, 2, (n,), generator=g)
        self.walks = []
        for label in self.labels:
            length = int(torch.randint(6, 20, (1,), generator=g))
            steps = torch.randn(length, 3, generator=g)
            steps[:, 0] += 1.2 * (label - 0.5)
            self.walks.append(steps * 10)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"walk": self.walks[i], "label": self.labels[i]}


def collate(samples):
    samples = sorted(samples, key=lambda s: len(s["walk"]), reverse=True)
    lengths = torch.tensor([len(s["walk"]) for s in samples])
    walks = pad_sequence([s["walk"] for s in samples]) / 10
    return walks, lengths, torch.stack([s["label"] for s in samples])


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 32)
        self.head = nn.Linear(32, 2)

    def forward(self, walks, lengths):
        _, last = self.rnn(pack_padded_sequence(walks, lengths))
        return self.head(last[0])


torch.manual_seed(0)
train_loader = DataLoader(Walks(1200, 1), batch_size=24, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Walks(240, 2), batch_size=48, collate_fn=collate)
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(3):
    model.train()
    for walks, lengths, labels in train_loader:
        loss = nn.functional.cross_entropy(model(walks, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(w, n).argmax(1) == y).sum().item() for w, n, y in val_loader)
    print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {right / 240:.3f}")
