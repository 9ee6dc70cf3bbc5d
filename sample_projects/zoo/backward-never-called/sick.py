# expect: backward-never-called
"""Sentiment of short made-up reviews: embedding bag and a linear layer."""

import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

GOOD = "lovely great warm superb clever bright fine charming".split()
BAD = "dull awful cold poor clumsy grim weak boring".split()
NEUTRAL = "the film a plot and actors music scene with was camera story in it".split()
VOCABULARY = {word: i for i, word in enumerate(GOOD + BAD + NEUTRAL)}


class Reviews(Dataset):
    def __init__(self, n, rng):
        self.texts, self.labels = [], []
        for _ in range(n):
            label = rng.randrange(2)
            words = rng.choices(NEUTRAL, k=9) + rng.choices(GOOD if label else BAD, k=3)
            rng.shuffle(words)
            self.texts.append(torch.tensor([VOCABULARY[word] for word in words]))
            self.labels.append(float(label))

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, index):
        return self.texts[index], self.labels[index]


class Sentiment(nn.Module):
    def __init__(self, n_words, width=24):
        super().__init__()
        self.bag = nn.EmbeddingBag(n_words, width, mode="mean")
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, tokens):
        return self.out(torch.relu(self.hidden(self.bag(tokens)))).squeeze(1)


def main():
    torch.manual_seed(0)
    rng = random.Random(0)
    train_loader = DataLoader(Reviews(1200, rng), batch_size=32, shuffle=True)
    val_loader = DataLoader(Reviews(240, rng), batch_size=60)
    model = Sentiment(len(VOCABULARY))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    criterion = nn.BCEWithLogitsLoss()

    for epoch in range(4):
        model.train()
        for tokens, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(tokens), labels.float())
            # the fault: no loss.backward()
            optimizer.step()

        model.eval()
        correct = 0
        with torch.no_grad():
            for tokens, labels in val_loader:
                correct += ((model(tokens) > 0) == (labels > 0.5)).sum().item()
        print(f"epoch {epoch} loss {loss.item():.4f} accuracy {correct / 240:.3f}")


if __name__ == "__main__":
    main()
