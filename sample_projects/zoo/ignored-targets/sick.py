# expect: ignored-targets
"""Digits; the loss came from a tagger, where index 0 was the padding."""

import torch
from sklearn.datasets import load_digits
from torch import nn

EPOCHS, BATCH = 4, 32


def batches(x, y, generator):
    order = torch.randperm(len(x), generator=generator)
    for start in range(0, len(x) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        yield x[chosen], y[chosen]


torch.manual_seed(0)
generator = torch.Generator().manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(len(x), generator=generator)
x, y = x[order], y[order]
x = (x - x[:1400].mean()) / x[:1400].std()

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss(ignore_index=0)  # the fault: here 0 is a digit
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(EPOCHS):
    model.train()
    total = 0.0
    for images, labels in batches(x[:1400], y[:1400], generator):
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        predicted = model(x[1400:]).argmax(1)
    zeros = y[1400:] == 0
    print(
        f"epoch {epoch} loss {total / (1400 // BATCH):.3f} "
        f"val {(predicted == y[1400:]).float().mean():.3f} zeros found {(predicted[zeros] == 0).float().mean():.3f}"
    )
