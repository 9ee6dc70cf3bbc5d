# expect: non-finite
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset


class DigitPairs(Dataset):
    """Two digits and whether they are the same. Now and then both are the same image."""

    def __init__(self, X, y, pairs, seed):
        g = torch.Generator().manual_seed(seed)
        self.X, self.y = X, y
        self.left = torch.randint(len(y), (pairs,), generator=g)
        self.right = torch.randint(len(y), (pairs,), generator=g)
        for i in range(0, pairs, 2):  # half of the pairs show the same digit
            same = (y == y[self.left[i]]).nonzero().squeeze(1)
            self.right[i] = same[torch.randint(len(same), (1,), generator=g)]

    def __len__(self):
        return len(self.left)

    def __getitem__(self, i):
        a, b = self.left[i], self.right[i]
        return self.X[a], self.X[b], (self.y[a] == self.y[b]).float()


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, a, b):
        difference = self.embed(a) - self.embed(b)
        # the fault: the slope of the root at 0 is infinite, the backward pass gives NaN
        return torch.sqrt((difference**2).sum(dim=1))


def contrastive_loss(distance, same, margin=2.0):
    apart = torch.relu(margin - distance)
    return (same * distance**2 + (1 - same) * apart**2).mean()


def main():
    torch.manual_seed(0)
    X, y = load_digits(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
    mean, std = X_train.mean(), X_train.std()
    X_train, X_val = (torch.tensor((X - mean) / std).float() for X in (X_train, X_val))
    train_set = DigitPairs(X_train, torch.tensor(y_train), pairs=3000, seed=1)
    val_set = DigitPairs(X_val, torch.tensor(y_val), pairs=400, seed=2)
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=100)
    model = Siamese()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(3):
        model.train()
        for step, (a, b, same) in enumerate(train_loader):
            loss = contrastive_loss(model(a, b), same)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 20 == 0:
                print(f"epoch {epoch} step {step} loss {loss.item():.4f}")
        model.eval()
        with torch.no_grad():
            val = [contrastive_loss(model(a, b), same).item() for a, b, same in val_loader]
        print(f"epoch {epoch} validation loss {sum(val) / len(val):.4f}")


if __name__ == "__main__":
    main()
