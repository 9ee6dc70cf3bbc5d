# expect: nothing
import inspect
import json.decoder
import statistics
import textwrap

import torch
import torch.nn.functional as F
from torch import nn

# Which module is this line of code from? A bag of words: nearly all inputs are zero.
torch.manual_seed(0)
sources = [inspect.getsource(module) for module in (json.decoder, statistics, textwrap)]
pairs = {
    line.strip(): label
    for label, source in enumerate(sources)
    for line in source.splitlines()
    if len(line.split()) > 2
}
texts, labels = list(pairs), torch.tensor(list(pairs.values()))
order = torch.randperm(len(texts))
n_train = int(0.8 * len(texts))
train, val = order[:n_train], order[n_train:]

counts = {}
for i in train.tolist():
    for word in set(texts[i].split()):
        counts[word] = counts.get(word, 0) + 1
vocabulary = {word: k for k, word in enumerate(sorted(w for w, c in counts.items() if c >= 3))}
bags = torch.zeros(len(texts), len(vocabulary))
for i, text in enumerate(texts):
    for word in text.split():
        if word in vocabulary:
            bags[i, vocabulary[word]] = 1.0
bags = bags / bags[train].std()

model = nn.Sequential(
    nn.Linear(len(vocabulary), 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3)
)
class_weights = n_train / (3 * torch.bincount(labels[train], minlength=3))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(6):
    model.train()
    for index in train[torch.randperm(n_train)].split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(bags[index]), labels[index], weight=class_weights)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(bags[val]).argmax(1) == labels[val]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} validation accuracy {accuracy:.3f}")
