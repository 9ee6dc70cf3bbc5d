# expect: nothing
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_val = train_test_split(X, test_size=0.2, stratify=y, random_state=0)
mean, std = X_train.mean(), X_train.std()


class HalfPairs(Dataset):
    """The left and the right half of a digit are two views of one thing, as in CLIP."""

    def __init__(self, X):
        images = torch.tensor((X - mean) / std, dtype=torch.float32).view(-1, 8, 8)
        self.left = images[:, :, :4].flatten(1)
        self.right = images[:, :, 4:].flatten(1)

    def __len__(self):
        return len(self.left)

    def __getitem__(self, i):
        return self.left[i], self.right[i]


def tower():
    return nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 32))


class Clip(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = tower(), tower()
        self.log_scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, left, right):
        a = F.normalize(self.left(left), dim=-1)
        b = F.normalize(self.right(right), dim=-1)
        return a, b, self.log_scale.exp()


def info_nce(a, b, scale):
    logits = scale * a @ b.t()
    labels = torch.arange(len(a))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


train_loader = DataLoader(HalfPairs(X_train), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(HalfPairs(X_val), batch_size=32, drop_last=True)
model = Clip()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(4):
    model.train()
    for left, right in train_loader:
        loss = info_nce(*model(left, right))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val = [info_nce(*model(left, right)).item() for left, right in val_loader]
    print(f"epoch {epoch} loss {loss.item():.3f} validation {sum(val) / len(val):.3f}")
