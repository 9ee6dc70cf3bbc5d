# expect: nothing
"""Good, mixed or bad? A Transformer encoder reads short reviews of unequal length, padded."""
import math
import random

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

config = {
    "seed": 3,
    "reviews": 3600,
    "epochs": 8,
    "batch_size": 32,
    "lr": 2e-3,
    "weight_decay": 0.01,
    "warmup": 60,
    "dim": 48,
    "heads": 4,
    "layers": 2,
    "dropout": 0.1,
}

GOOD = "great lovely tasty friendly fresh superb clean charming".split()
BAD = "awful bland rude stale slow dirty noisy overpriced".split()
THINGS = "food soup waiter room view bread dessert music terrace bill".split()
FILLER = ["we went on sunday", "with my family", "near the station", "as always", "for lunch", "i must say"]


def write_review():
    """Return the words of a review, and its class: 0 bad, 1 mixed, 2 good."""
    words, feeling = [], []
    for i in range(random.choice([1, 2, 2, 3])):
        if random.random() < 0.3:
            words += random.choice(FILLER).split()
        if i:
            words.append(random.choice(["and", "but"]))
        good, negated = random.random() < 0.5, random.random() < 0.2
        words += ["the", random.choice(THINGS), "was"]
        words += ["not"] if negated else random.choice([[], ["really"], ["very"]])
        words.append(random.choice(GOOD if good else BAD))
        feeling.append(good != negated)
    return words, 2 if all(feeling) else 1 if any(feeling) else 0


class Reviews(Dataset):
    def __init__(self, reviews, vocabulary):
        self.tokens = [torch.tensor([vocabulary[w] for w in words]) for words, _ in reviews]
        self.labels = [label for _, label in reviews]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.tokens[index], self.labels[index]


def collate(batch):
    tokens, labels = zip(*batch)
    return pad_sequence(tokens, batch_first=True), torch.tensor(labels)


class ReviewClassifier(nn.Module):
    def __init__(self, words, dim, heads, layers, dropout, classes=3, longest=64):
        super().__init__()
        self.embedding = nn.Embedding(words, dim, padding_idx=0)
        place = torch.arange(longest).unsqueeze(1)
        rate = torch.exp(torch.arange(0, dim, 2) * (-math.log(1000.0) / dim))
        self.register_buffer("waves", torch.stack([torch.sin(place * rate), torch.cos(place * rate)], -1).flatten(1))
        block = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(dim, classes)

    def forward(self, tokens):
        padding = tokens == 0
        h = self.embedding(tokens) + self.waves[: tokens.shape[1]]
        h = self.norm(self.encoder(h, src_key_padding_mask=padding))
        there = (~padding).unsqueeze(-1).float()
        pooled = (h * there).sum(1) / there.sum(1)
        return self.head(self.dropout(pooled))


random.seed(config["seed"])
torch.manual_seed(config["seed"])
reviews = {}  # short reviews repeat: each text is kept once
while len(reviews) < config["reviews"]:
    words, label = write_review()
    reviews[" ".join(words)] = (words, label)
reviews = list(reviews.values())
vocabulary = {word: i for i, word in enumerate(sorted({w for words, _ in reviews for w in words}), start=1)}
split = int(0.8 * len(reviews))
train_set, val_set = Reviews(reviews[:split], vocabulary), Reviews(reviews[split:], vocabulary)
train_loader = DataLoader(train_set, batch_size=config["batch_size"], shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_set, batch_size=128, collate_fn=collate)

model = ReviewClassifier(
    len(vocabulary) + 1, config["dim"], config["heads"], config["layers"], config["dropout"]
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"], weight_decay=config["weight_decay"])
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / config["warmup"]))

for epoch in range(1, config["epochs"] + 1):
    model.train()
    running = 0.0
    for tokens, labels in train_loader:
        logits = model(tokens)
        loss = criterion(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        running += loss.item()

    model.eval()
    correct = 0
    with torch.no_grad():
        for tokens, labels in val_loader:
            correct += (model(tokens).argmax(dim=1) == labels).sum().item()
    print(f"[{epoch}/{config['epochs']}] loss {running / len(train_loader):.3f} | val acc {correct / len(val_set):.3f}")
