# expect: nothing
"""Character-level LSTM that learns to write recipes (made up from a small grammar)."""

import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

SEQ_LEN = 64
BATCH = 32
HIDDEN = 128
EPOCHS = 8
LR = 4e-3

SOLIDS = ["egg", "onion", "carrot", "lemon", "apple", "pear", "leek", "radish", "turnip", "clove"]
LIQUIDS = ["milk", "stock", "cream", "water", "vinegar", "wine"]
VESSELS = ["pan", "pot", "bowl", "wok", "dish"]


def plural(noun):
    return noun + ("es" if noun.endswith("sh") else "s")


def recipe(rng):
    """What is taken first is what is cooked afterwards, in the vessel that was named."""
    count, solid, liquid, vessel = rng.randint(1, 12), rng.choice(SOLIDS), rng.choice(LIQUIDS), rng.choice(VESSELS)
    name = solid if count == 1 else plural(solid)
    it = "it" if count == 1 else "them"
    steps = [
        f"{rng.choice(['chop', 'peel', 'wash'])} {it}",
        f"heat the {liquid} in a {vessel}",
        f"add the {name} to the {vessel}",
        f"{rng.choice(['stir', 'simmer', 'cook'])} for {rng.choice([5, 10, 20, 45])} minutes",
    ]
    if rng.random() < 0.4:
        steps.insert(3, f"season with {rng.choice(['salt', 'pepper', 'thyme', 'cumin'])}")
    return f"take {count} {name} and {rng.randint(2, 9)} cups of {liquid}. " + ", ".join(steps) + ".\n"


class TextDataset(Dataset):
    def __init__(self, text, stoi):
        self.ids = torch.tensor([stoi[c] for c in text], dtype=torch.long)

    def __len__(self):
        return (len(self.ids) - 1) // SEQ_LEN

    def __getitem__(self, idx):
        seq = self.ids[idx * SEQ_LEN : (idx + 1) * SEQ_LEN + 1]
        return seq[:-1], seq[1:]


class CharLSTM(nn.Module):
    def __init__(self, vocab_size, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 32)
        self.lstm = nn.LSTM(32, hidden, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(hidden, vocab_size)

    def forward(self, x, state=None):
        out, state = self.lstm(self.embedding(x), state)
        return self.fc(self.drop(out)), state


@torch.no_grad()
def sample(model, start, length, stoi, itos):
    model.eval()
    x, state, out = torch.tensor([[stoi[c] for c in start]]), None, start
    for _ in range(length):
        logits, state = model(x, state)
        x = torch.multinomial(torch.softmax(logits[:, -1], dim=-1), 1)
        out += itos[x.item()]
    return out


def main():
    torch.manual_seed(0)
    rng = random.Random(0)
    train_text = "".join(recipe(rng) for _ in range(650))
    val_text = "".join(recipe(rng) for _ in range(130))
    chars = sorted(set(train_text))
    stoi = {c: i for i, c in enumerate(chars)}
    itos = dict(enumerate(chars))
    train_loader = DataLoader(TextDataset(train_text, stoi), batch_size=BATCH, shuffle=True, drop_last=True)
    val_loader = DataLoader(TextDataset(val_text, stoi), batch_size=BATCH)

    model = CharLSTM(len(chars), HIDDEN)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    for epoch in range(1, EPOCHS + 1):
        model.train()
        total_loss = 0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            logits, _ = model(inputs)
            loss = criterion(logits.reshape(-1, len(chars)), targets.reshape(-1))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total_loss += loss.item()
        model.eval()
        val_loss, batches = 0, 0
        with torch.no_grad():
            for inputs, targets in val_loader:
                logits, _ = model(inputs)
                val_loss += criterion(logits.reshape(-1, len(chars)), targets.reshape(-1)).item()
                batches += 1
        print(f"epoch {epoch:2d} | train loss {total_loss / len(train_loader):.3f} | val loss {val_loss / batches:.3f}")
    print(sample(model, "take ", 150, stoi, itos))


if __name__ == "__main__":
    main()
