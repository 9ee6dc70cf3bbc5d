# expect: nothing
"""Phishing or not? A convolutional network reads the address character by character."""

import argparse
import random
import string

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ALPHABET = string.ascii_lowercase + string.digits + "-./:?=_@%"
MAX_LENGTH = 64
BRANDS = ["paypal", "amazon", "netflix", "google", "dhl", "chase", "ebay", "apple", "dropbox", "steam"]
WORDS = [
    "news",
    "garden",
    "music",
    "shop",
    "travel",
    "photo",
    "cook",
    "run",
    "library",
    "school",
    "art",
    "data",
    "bike",
]
ENDINGS = ["com", "org", "net", "de", "co.uk", "fr", "io"]
CHEAP = ["top", "xyz", "info", "tk", "com", "net", "ru"]
BAIT = ["login", "verify", "secure", "account", "update", "signin", "billing"]
PAGES = ["index", "about", "article", "login", "item", "search", "account", "help"]
LOOKALIKE = str.maketrans({"o": "0", "l": "1", "e": "3", "a": "4"})


def token(n):
    return "".join(random.choice(string.ascii_lowercase + string.digits) for _ in range(n))


def honest():
    name = random.choice(BRANDS) if random.random() < 0.3 else random.choice(WORDS) + random.choice(["", "-", "my"])
    if random.random() < 0.5:
        name += random.choice(WORDS)
    host = random.choice(["www.", "", "", "blog.", "m."]) + name.strip("-") + "." + random.choice(ENDINGS)
    path = "/".join(random.choice(PAGES + WORDS) for _ in range(random.randint(0, 3)))
    query = f"?id={token(random.randint(2, 8))}" if random.random() < 0.3 else ""
    return f"{random.choice(['http', 'https', 'https'])}://{host}/{path}{query}"


def phishing():
    brand = random.choice(BRANDS)
    kind = random.random()
    if kind < 0.3:
        host = f"{brand.translate(LOOKALIKE)}.{random.choice(ENDINGS)}"
    elif kind < 0.55:
        host = f"{brand}-{random.choice(BAIT)}.{random.choice(CHEAP)}"
    elif kind < 0.8:
        host = f"{brand}.{random.choice(ENDINGS)}.{token(random.randint(4, 9))}.{random.choice(CHEAP)}"
    else:
        host = ".".join(str(random.randint(1, 254)) for _ in range(4))
    path = "/".join(random.choice(BAIT + PAGES) for _ in range(random.randint(0, 3)))
    query = f"?id={token(random.randint(2, 8))}" if random.random() < 0.4 else ""
    return f"{random.choice(['http', 'https'])}://{host}/{path}{query}"


def make_dataset(n):
    addresses, labels = [], []
    for _ in range(n):
        label = random.random() < 0.5
        address = phishing() if label else honest()
        ids = [ALPHABET.index(c) + 1 for c in address[:MAX_LENGTH]]
        addresses.append(ids + [0] * (MAX_LENGTH - len(ids)))
        reported = label if random.random() > 0.03 else not label  # reports of users are wrong now and then
        labels.append(float(reported))
    return TensorDataset(torch.tensor(addresses), torch.tensor(labels).unsqueeze(1))


class CharCNN(nn.Module):
    def __init__(self, hidden, dropout=0.3):
        super().__init__()
        self.embed = nn.Embedding(len(ALPHABET) + 1, 16, padding_idx=0)
        self.conv3 = nn.Conv1d(16, hidden, kernel_size=3)
        self.conv5 = nn.Conv1d(16, hidden, kernel_size=5)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, x):
        h = self.embed(x).transpose(1, 2)
        pooled = [torch.relu(conv(h)).amax(dim=2) for conv in (self.conv3, self.conv5)]
        return self.classifier(self.dropout(torch.cat(pooled, dim=1)))


def main(args):
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    train_set, val_set = make_dataset(4000), make_dataset(1000)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=250)
    model = CharCNN(args.hidden)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    for epoch in range(args.epochs):
        model.train()
        train_loss = 0.0
        for x, y in train_loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item()

        model.eval()
        with torch.no_grad():
            right = sum(((model(x) > 0).float() == y).sum().item() for x, y in val_loader)
        print(f"epoch {epoch + 1}: loss = {train_loss / len(train_loader):.4f}, val acc = {right / len(val_set):.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=31)
    main(parser.parse_args())
