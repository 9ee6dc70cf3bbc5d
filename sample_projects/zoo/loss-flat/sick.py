# expect: loss-flat
"""An embedding of digits by triplets."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Triplets(Dataset):
    """An image, another image of its class, and one of another class."""

    def __init__(self, images, labels):
        self.images = images
        self.labels = labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        same = (self.labels == self.labels[index]).nonzero().flatten()
        other = (self.labels != self.labels[index]).nonzero().flatten()
        positive = same[torch.randint(len(same), ())]
        negative = other[torch.randint(len(other), ())]
        return self.images[index], self.images[positive], self.images[negative]


X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(
    torch.tensor(X, dtype=torch.float32) / 16, torch.tensor(y), test_size=0.2, random_state=0
)
loader = DataLoader(Triplets(X_train, y_train), batch_size=32, shuffle=True)

encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.AdamW(encoder.parameters(), lr=3e-3, weight_decay=0.01)
criterion = nn.TripletMarginLoss(margin=1.0)

for epoch in range(4):
    encoder.train()
    total = 0.0
    for anchor, positive, negative in loader:
        anchor = encoder(anchor)
        positive = encoder(positive)
        negative = encoder(negative)
        loss = criterion(anchor, positive, positive)  # the fault: the positive is given twice
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()

    encoder.eval()
    with torch.no_grad():
        nearest = torch.cdist(encoder(X_val), encoder(X_train)).argmin(dim=1)
    accuracy = (y_train[nearest] == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {total / len(loader):.4f}, nearest neighbour {accuracy:.3f}")
