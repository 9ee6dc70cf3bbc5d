# expect: nothing
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    def __init__(self, width, p):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.drop = nn.Dropout(p)

    def forward(self, x):
        return x + self.drop(self.mlp(self.norm(x)))


def make_loaders():
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.2, stratify=y, random_state=1)
    mean, std = parts[0].mean(), parts[0].std()
    train_x, val_x = (torch.tensor((x - mean) / std).float() for x in parts[:2])
    train_y, val_y = map(torch.tensor, parts[2:])
    train = DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True)
    return train, DataLoader(TensorDataset(val_x, val_y), batch_size=90)


def main():
    torch.manual_seed(1)
    train_loader, val_loader = make_loaders()
    model = nn.Sequential(nn.Linear(64, 64), Block(64, 0.2), Block(64, 0.2), nn.Linear(64, 10))
    # A weight decay of 0.1 and a beta2 of 0.95 are usual with AdamW in language models.
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.1)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    for epoch in range(4):
        model.train()
        total = 0.0
        for x, y in train_loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        accuracy = hits / len(val_loader.dataset)
        print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
