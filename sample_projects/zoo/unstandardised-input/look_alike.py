# expect: nothing
"""Which module of the standard library is this code from? Bag of words."""

import argparse
import inspect
import pydoc
import re
import tarfile
from collections import Counter

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

MODULES = [argparse, inspect, tarfile, pydoc]


def read_chunks(lines_each=6):
    chunks, labels = [], []
    for label, module in enumerate(MODULES):
        lines = [line for line in inspect.getsource(module).splitlines() if line.strip()]
        for i in range(0, min(len(lines), 2000), lines_each):
            chunks.append(re.findall(r"[a-z]+", " ".join(lines[i : i + lines_each]).lower()))
            labels.append(label)
    return chunks, torch.tensor(labels)


def bag_of_words(chunks, vocabulary):
    position = {word: i for i, word in enumerate(vocabulary)}
    bags = torch.zeros(len(chunks), len(vocabulary))
    for row, words in enumerate(chunks):
        for word in words:
            if word in position:
                bags[row, position[word]] = 1.0
    return bags


torch.manual_seed(0)
chunks, labels = read_chunks()
order = torch.randperm(len(chunks))
chunks, labels = [chunks[i] for i in order], labels[order]
n_train = int(0.8 * len(chunks))
counts = Counter(word for words in chunks[:n_train] for word in words)
vocabulary = [word for word, _ in counts.most_common(300)]
X = bag_of_words(chunks, vocabulary)

train_set = TensorDataset(X[:n_train], labels[:n_train])
X_val, y_val = X[n_train:], labels[n_train:]
loader = DataLoader(train_set, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(300, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, len(MODULES)))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(5):
    model.train()
    total = 0.0
    for bags, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(bags), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        accuracy = (model(X_val).argmax(1) == y_val).float().mean()
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, accuracy {accuracy:.3f}")
