# expect: nothing
import copy

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = (torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) - 4.9) / 6.0
labels = torch.tensor(digits.target)


def make_backbone():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3, stride=2),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
    )


def loaders(low, high):
    chosen = torch.where((labels >= low) & (labels < high))[0]
    chosen = chosen[torch.randperm(len(chosen))]
    data = [TensorDataset(images[i], labels[i] - low) for i in (chosen[:700], chosen[700:])]
    return DataLoader(data[0], batch_size=20, shuffle=True), DataLoader(data[1], batch_size=100)


def fit(model, parameters, train, val, epochs, lr):
    optimizer = torch.optim.Adam(parameters, lr=lr)
    for epoch in range(epochs):
        model.train()
        for part in model:
            if not any(p.requires_grad for p in part.parameters()):
                part.eval()  # keeps the statistics of BatchNorm, too
        for x, y in train:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = [(model(x).argmax(1) == y).float().mean().item() for x, y in val]
        print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {sum(hits) / len(hits):.3f}")


first = nn.Sequential(make_backbone(), nn.Linear(32 * 9, 5))
fit(first, first.parameters(), *loaders(0, 5), epochs=4, lr=1e-3)

backbone = make_backbone()
backbone.load_state_dict(copy.deepcopy(first[0].state_dict()))
backbone.requires_grad_(False)
model = nn.Sequential(backbone, nn.Linear(32 * 9, 5))
fit(model, model[1].parameters(), *loaders(5, 10), epochs=5, lr=3e-3)
