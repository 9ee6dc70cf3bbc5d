# expect: nothing
"""Gradient accumulation over four micro-batches, with clipping."""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class RowTransformer(nn.Module):
    """Reads an 8 x 8 image as a sequence of eight rows."""

    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(0.1 * torch.randn(8, width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1)
        self.head = nn.Linear(8 * width, 10)

    def forward(self, rows):
        states = self.encoder(self.embed(rows) + self.position)
        return self.head(states.flatten(1))


def evaluate(model, loader):
    model.eval()
    hits = 0
    with torch.no_grad():
        for rows, labels in loader:
            hits += (model(rows).argmax(1) == labels).sum().item()
    return hits / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--accumulate", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()

    torch.manual_seed(0)
    digits = load_digits()
    X_train, X_val, y_train, y_val = train_test_split(
        torch.tensor(digits.images, dtype=torch.float32) / 16,
        torch.tensor(digits.target),
        test_size=357,
        random_state=0,
    )
    train_set = TensorDataset(X_train, y_train)
    train_loader = DataLoader(train_set, batch_size=args.micro_batch, shuffle=True)
    val_loader = DataLoader(TensorDataset(X_val, y_val), batch_size=119)

    model = RowTransformer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    optimizer.zero_grad()
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for i, (rows, labels) in enumerate(train_loader):
            loss = criterion(model(rows), labels)
            (loss / args.accumulate).backward()
            total += loss.item()
            if (i + 1) % args.accumulate == 0:
                nn.utils.clip_grad_norm_(model.parameters(), max_norm=2.0)
                optimizer.step()
                optimizer.zero_grad()
        accuracy = evaluate(model, val_loader)
        print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
