# expect: nothing
"""A generator around the loader, a progress bar, a list of batches for the second half: loops as they grow."""

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
x = torch.tensor(StandardScaler().fit_transform(x), dtype=torch.float32)
loader = DataLoader(TensorDataset(x, torch.tensor(y)), batch_size=16, shuffle=True)


def forever(loader):
    while True:
        yield from loader


def progress(batches, total):
    for number, batch in enumerate(batches):
        if number == total:
            return
        yield number, batch


model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for number, (a, b) in progress(forever(loader), 150):
    loss = nn.functional.cross_entropy(model(a), b)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if number % 30 == 0:
        print(f"{number}: {loss.item():.3f}")
