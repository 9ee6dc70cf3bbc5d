# expect: nothing
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

VOCAB, PAD = 20, 0


class Sequences(Dataset):
    """Token sequences of odd length; the label says which half of the vocabulary is in majority."""

    def __init__(self, size, seed):
        rng = random.Random(seed)
        lengths = [rng.randrange(9, 26, 2) for _ in range(size)]
        self.tokens = [[rng.randint(1, VOCAB) for _ in range(length)] for length in lengths]

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, index):
        tokens = self.tokens[index]
        label = sum(token > VOCAB // 2 for token in tokens) > len(tokens) / 2
        return {"input_ids": torch.tensor(tokens), "label": int(label)}


def collate(samples):
    ids = pad_sequence([s["input_ids"] for s in samples], batch_first=True, padding_value=PAD)
    labels = torch.tensor([s["label"] for s in samples])
    return {"input_ids": ids, "attention_mask": ids != PAD, "labels": labels}


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB + 1, 32, padding_idx=PAD)
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, input_ids, attention_mask):
        mask = attention_mask.unsqueeze(-1)
        mean = (self.embed(input_ids) * mask).sum(1) / mask.sum(1)
        return self.head(mean)


torch.manual_seed(0)
train_loader = DataLoader(Sequences(1600, seed=0), 32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Sequences(400, seed=1), 100, collate_fn=collate)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(5):
    model.train()
    for batch in train_loader:
        logits = model(batch["input_ids"], batch["attention_mask"])
        loss = nn.functional.cross_entropy(logits, batch["labels"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    hits = 0
    with torch.no_grad():
        for batch in val_loader:
            logits = model(batch["input_ids"], batch["attention_mask"])
            hits += (logits.argmax(1) == batch["labels"]).sum().item()
    print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {hits / 400:.3f}")
