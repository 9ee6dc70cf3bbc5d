# expect: nothing
import random

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Triplets(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.by_class = {c: (labels == c).nonzero().flatten().tolist() for c in range(10)}

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        own = int(self.labels[i])
        positive = random.choice([j for j in self.by_class[own] if j != i])
        other = random.choice([c for c in self.by_class if c != own])
        negative = random.choice(self.by_class[other])
        return self.images[i], self.images[positive], self.images[negative]


random.seed(0)
torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = (torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) - 4.9) / 6.0
images, labels = images[order], torch.tensor(digits.target)[order]
train_set = Triplets(images[:1400], labels[:1400])
val_set = Triplets(images[1400:], labels[1400:])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)

net = nn.Sequential(
    nn.Conv2d(1, 16, 3),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 36, 64),
    nn.ReLU(),
    nn.Linear(64, 8),
)
criterion = nn.TripletMarginLoss(margin=1.0)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

for epoch in range(4):
    net.train()
    running = 0.0
    for anchor, positive, negative in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(anchor), net(positive), net(negative))
        loss.backward()
        optimizer.step()
        running += loss.item()
    net.eval()
    right = 0
    with torch.no_grad():
        for anchor, positive, negative in val_loader:
            a, p, n = net(anchor), net(positive), net(negative)
            right += ((a - p).norm(dim=1) < (a - n).norm(dim=1)).sum().item()
    print(f"epoch {epoch}: loss {running / len(train_loader):.3f}, ranked right {right / 397:.3f}")
