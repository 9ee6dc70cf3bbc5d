# expect: loss-sign
"""An embedding of digits by triplets, trained with the sign of a similarity."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 8 - 1, torch.tensor(y)
order = torch.randperm(len(x))
x, y = x[order], y[order]


class Triplets(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y
        self.of = {c: torch.nonzero(y == c).flatten() for c in range(10)}

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        label = int(self.y[i])
        other = (label + int(torch.randint(1, 10, ()))) % 10
        same = self.of[label][torch.randint(len(self.of[label]), ())]
        different = self.of[other][torch.randint(len(self.of[other]), ())]
        return self.x[i], self.x[same], self.x[different]


train_loader = DataLoader(Triplets(x[:1400], y[:1400]), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(4):
    model.train()
    for anchor, same, different in train_loader:
        anchor, same, different = model(anchor), model(same), model(different)
        loss = -F.triplet_margin_loss(anchor=anchor, positive=same, negative=different)  # the fault: the minus sign
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        distances = torch.cdist(model(x[1400:]), model(x[:1400]))
    accuracy = (y[:1400][distances.argmin(1)] == y[1400:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} nearest neighbour {accuracy:.3f}")
