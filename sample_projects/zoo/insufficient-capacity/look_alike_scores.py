# expect: nothing
"""Digits row by row: layers with one output weigh the rows, and the last one is a scale that is learnt."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Rows(nn.Module):
    """Is it odd? A weighted mean over the rows, the weights from a score of each; then a calibrated logit."""

    def __init__(self):
        super().__init__()
        self.place = nn.Linear(1, 32)  # which row it is, as a number
        self.embed = nn.Linear(8, 32)
        self.score = nn.Sequential(nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1))
        self.mix = nn.Sequential(nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 1))
        self.calibrate = nn.Linear(1, 1)

    def forward(self, x):
        places = torch.linspace(-1, 1, 8).view(1, 8, 1)
        h = nn.functional.gelu(self.embed(x) + self.place(places))
        weights = self.score(h).softmax(dim=1)
        return self.calibrate(self.mix((weights * h).sum(1))).squeeze(1)


torch.manual_seed(0)
digits = load_digits()
x = (torch.tensor(digits.images, dtype=torch.float32) - 4.88) / 6.02
data = TensorDataset(x, (torch.tensor(digits.target) % 2).float())
train_set, val_set = random_split(data, [1400, 397])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=200)
model, criterion = Rows(), nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(4):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum(((model(inputs) > 0) == labels.bool()).sum().item() for inputs, labels in val_loader)
    print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {hits / len(val_set):.3f}")
