# expect: nothing
"""Who, where, when? A bidirectional GRU tags each word; padding is left out of the loss by ignore_index."""
import random
from collections import Counter

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

TAGS = ["O", "PER", "LOC", "ORG", "TIME"]
PAD_TAG = -100

syllables = "ba ko li ma ne ro sa ti vu ze da fi go".split()


def names(count, endings):
    return ["".join(random.choices(syllables, k=2)) + random.choice(endings) for _ in range(count)]


random.seed(8)
either = ["jordan", "paris", "lincoln", "carter"]  # a person or a place, the words around it tell
people = names(150, ["", "n", "s"]) + 8 * either
places = names(80, ["", "burg", "ton"]) + 8 * either
firms = names(60, ["", "corp", "ex"])
times = "monday tuesday friday june may today noon winter sunday".split()
subjects = ["PER", "PER", "PER and PER", "ORG", "a lawyer of ORG", "the mayor of LOC", "my friend PER"]
verbs = ["saw", "called", "visited", "sold shares of", "wrote to", "works for", "left", "married", "praised"]
objects = {
    "saw": ["PER", "LOC", "the office of ORG"], "called": ["PER", "ORG"], "visited": ["LOC", "PER"],
    "sold shares of": ["ORG"], "wrote to": ["PER", "ORG"], "works for": ["ORG", "PER"], "left": ["LOC", "ORG"],
    "married": ["PER"], "praised": ["PER", "LOC", "ORG"],
}
endings = ["", "", "in LOC", "in TIME", "on TIME", "near LOC", "with PER", "before TIME", "for ORG", "in LOC on TIME"]
pools = {"PER": people, "LOC": places, "ORG": firms, "TIME": times}


def sentence():
    words, tags = [], []
    verb = random.choice(verbs)
    parts = [random.choice(subjects), verb, random.choice(objects[verb]), random.choice(endings)]
    for piece in " ".join(parts).split():
        words.append(random.choice(pools[piece]) if piece in pools else piece)
        tags.append(piece if piece in pools else "O")
    if random.random() < 0.3:
        words, tags = ["they", "say", *words], ["O", "O", *tags]
    return words, tags


def encode(corpus, word_to_id):
    return [
        (torch.tensor([word_to_id.get(w, 1) for w in words]), torch.tensor([TAGS.index(t) for t in tags]))
        for words, tags in corpus
    ]


def pad(batch):
    words = pad_sequence([w for w, _ in batch], batch_first=True, padding_value=0)
    tags = pad_sequence([t for _, t in batch], batch_first=True, padding_value=PAD_TAG)
    return words, tags


class Tagger(nn.Module):
    def __init__(self, vocab_size, num_tags, embedding_dim=24, hidden_dim=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.dropout = nn.Dropout(0.1)
        self.gru = nn.GRU(embedding_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(2 * hidden_dim, num_tags)

    def forward(self, words):
        output, _ = self.gru(self.dropout(self.embedding(words)))
        return self.classifier(output)


def score(model, loader):
    """The share of the names that are tagged rightly."""
    model.eval()
    right = names = 0
    with torch.no_grad():
        for words, tags in loader:
            predicted = model(words).argmax(-1)
            named = tags > 0
            right += (predicted[named] == tags[named]).sum().item()
            names += named.sum().item()
    return right / names


def main():
    torch.manual_seed(8)
    corpus = [sentence() for _ in range(1800)]
    counts = Counter(word for words, _ in corpus[:1400] for word in words)
    word_to_id = {"<pad>": 0, "<unk>": 1}
    for word, count in counts.items():
        if count > 2:
            word_to_id[word] = len(word_to_id)
    train_set, val_set = encode(corpus[:1400], word_to_id), encode(corpus[1400:], word_to_id)
    train_loader = DataLoader(train_set, batch_size=20, shuffle=True, collate_fn=pad)
    val_loader = DataLoader(val_set, batch_size=100, collate_fn=pad)

    model = Tagger(len(word_to_id), len(TAGS))
    loss_function = nn.CrossEntropyLoss(ignore_index=PAD_TAG)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)

    for epoch in range(8):
        model.train()
        losses = []
        for words, tags in train_loader:
            optimizer.zero_grad()
            loss = loss_function(model(words).transpose(1, 2), tags)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}  loss {sum(losses) / len(losses):.4f}  accuracy on names {score(model, val_loader):.4f}")


if __name__ == "__main__":
    main()
