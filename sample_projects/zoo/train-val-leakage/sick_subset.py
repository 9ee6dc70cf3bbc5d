# expect: train-val-leakage
"""Sine waves of four shapes, told apart by an LSTM; one data set, two subsets."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class Waves(Dataset):
    def __init__(self, n, length=30, seed=0):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 4, size=n)
        phase = rng.uniform(0, 2 * np.pi, size=(n, 1))
        angle = np.arange(length) * (0.3 + 0.4 * self.labels[:, None]) + phase
        waves = np.sqrt(2) * np.sin(angle) + 0.2 * rng.normal(size=(n, length))
        self.waves = waves.astype(np.float32)[:, :, None]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"wave": torch.from_numpy(self.waves[i]), "label": int(self.labels[i])}


class WaveLSTM(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 4)

    def forward(self, wave):
        states, _ = self.lstm(wave)
        return self.head(states.mean(dim=1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-2)
    args = parser.parse_args()

    torch.manual_seed(0)
    np.random.seed(0)
    data = Waves(1600)
    n_train = 1280
    train_indices = np.random.permutation(len(data))[:n_train]
    val_indices = np.random.permutation(len(data))[n_train:]  # the fault: another permutation
    train_loader = DataLoader(Subset(data, train_indices), batch_size=32, shuffle=True)
    val_loader = DataLoader(Subset(data, val_indices), batch_size=64)

    model = WaveLSTM()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(batch["wave"]), batch["label"])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
        model.eval()
        hits = 0
        with torch.no_grad():
            for batch in val_loader:
                hits += (model(batch["wave"]).argmax(1) == batch["label"]).sum().item()
        print(f"epoch {epoch} loss {loss.item():.3f} val accuracy {hits / len(val_indices):.3f}")


if __name__ == "__main__":
    main()
