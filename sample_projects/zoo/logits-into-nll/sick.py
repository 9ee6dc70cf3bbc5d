# expect: logits-into-nll
"""Which language is this name made up in? A character GRU."""

import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SYLLABLES = [
    ["ka", "mi", "to", "shi", "ra", "no", "ko", "ha"],
    ["berg", "stein", "hof", "gra", "wal", "ler", "sch", "man"],
    ["elli", "ino", "ro", "ssi", "con", "ti", "bel", "la"],
]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Names(Dataset):
    """Names of twelve letters as indices, and their language."""

    def __init__(self, n, rng):
        self.names, self.languages = [], []
        for _ in range(n):
            language = rng.randrange(3)
            name = "".join(rng.choices(SYLLABLES[language], k=8))[:12]
            self.names.append(torch.tensor([LETTERS.index(letter) for letter in name]))
            self.languages.append(language)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        return self.names[index], self.languages[index]


class NameClassifier(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(26, 16)
        self.gru = nn.GRU(16, hidden, batch_first=True)
        self.output = nn.Linear(hidden, 3)

    def forward(self, name):
        _, state = self.gru(self.embedding(name))
        return self.output(state.squeeze(0))  # the fault: NLLLoss wants a log-softmax of this


def main():
    rng = random.Random(0)
    torch.manual_seed(0)
    train_loader = DataLoader(Names(1280, rng), batch_size=32, shuffle=True)
    val_loader = DataLoader(Names(300, rng), batch_size=100)
    model = NameClassifier()
    criterion = nn.NLLLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    for epoch in range(4):
        model.train()
        for step, (names, languages) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = criterion(model(names), languages)
            loss.backward()
            optimizer.step()
            if step % 20 == 0:
                print(f"epoch {epoch} step {step:2d} loss {loss.item():.3f}")
        model.eval()
        correct = 0
        with torch.no_grad():
            for names, languages in val_loader:
                correct += (model(names).argmax(1) == languages).sum().item()
        print(f"epoch {epoch} validation accuracy {correct / 300:.3f}")


if __name__ == "__main__":
    main()
