# expect: nothing
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    """Every image once as the first of a pair; half of the partners are of the same class."""

    def __init__(self, images, labels, seed):
        generator = torch.Generator().manual_seed(seed)
        self.images = images
        self.same = torch.arange(len(labels)) % 2
        self.partner = []
        for i, same in enumerate(self.same):
            candidates = torch.where((labels == labels[i]) == bool(same))[0]
            candidates = candidates[candidates != i]
            pick = torch.randint(len(candidates), (1,), generator=generator)
            self.partner.append(int(candidates[pick]))

    def __len__(self):
        return len(self.partner)

    def __getitem__(self, i):
        return self.images[i], self.images[self.partner[i]], self.same[i].float()


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3)
        self.fc1 = nn.Linear(16 * 9, 64)
        self.fc2 = nn.Linear(64, 16)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1)
        return self.fc2(F.relu(self.fc1(x)))


def contrastive(a, b, same, margin=1.0):
    distance = F.pairwise_distance(a, b)
    return (same * distance**2 + (1 - same) * F.relu(margin - distance) ** 2).mean()


torch.manual_seed(0)
digits = load_digits()
images = (torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) - 4.9) / 6.0
labels = torch.tensor(digits.target)
order = torch.randperm(len(labels))
train, val = order[:1400], order[1400:]
train_loader = DataLoader(Pairs(images[train], labels[train], 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Pairs(images[val], labels[val], 1), batch_size=100)

model = Embedder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(6):
    model.train()
    total = 0.0
    for a, b, same in train_loader:
        loss = contrastive(model(a), model(b), same)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    hits = 0
    with torch.no_grad():
        for a, b, same in val_loader:
            close = F.pairwise_distance(model(a), model(b)) < 0.5
            hits += (close == same.bool()).sum().item()
    print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, pairs right {hits / 397:.3f}")
