# expect: nothing
"""Anomalies in heartbeats: a convolutional autoencoder learns what normal ones look like."""
import argparse

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LENGTH = 96
#         centre, width, height of the P, Q, R, S and T waves
WAVES = [(0.20, 0.030, 0.15), (0.36, 0.012, -0.12), (0.40, 0.014, 1.0), (0.44, 0.013, -0.25), (0.66, 0.055, 0.30)]


def heartbeat(rng, ectopic):
    t = np.linspace(0, 1, LENGTH)
    shift, stretch, strength = rng.normal(0, 0.02), rng.uniform(0.92, 1.08), rng.normal(1, 0.1)
    beat = np.zeros(LENGTH)
    for number, (centre, width, height) in enumerate(WAVES):
        if ectopic:  # no P wave, a wide complex, the T wave upside down
            width, height = width * 1.8, (0.0, height, height * 0.9, height, -height)[number]
        centre = 0.4 + (centre - 0.4) * stretch + shift
        beat += height * strength * rng.normal(1, 0.08) * np.exp(-0.5 * ((t - centre) / width) ** 2)
    wander = 0.05 * np.sin(2 * np.pi * (t * rng.uniform(0.3, 0.8) + rng.uniform()))
    return beat + wander + rng.normal(0, 0.02, LENGTH)


def record(rng, normal, ectopic):
    beats = [heartbeat(rng, False) for _ in range(normal)] + [heartbeat(rng, True) for _ in range(ectopic)]
    labels = [0] * normal + [1] * ectopic
    return torch.tensor(np.array(beats), dtype=torch.float32).unsqueeze(1), torch.tensor(labels)


class ConvAutoencoder(nn.Module):
    def __init__(self, latent):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv1d(1, 16, 7, stride=2, padding=3),
            nn.ReLU(),
            nn.Conv1d(16, 32, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv1d(32, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * LENGTH // 8, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32 * LENGTH // 8),
            nn.ReLU(),
            nn.Unflatten(1, (32, LENGTH // 8)),
            nn.ConvTranspose1d(32, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose1d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose1d(16, 1, 4, stride=2, padding=1),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


@torch.no_grad()
def errors(model, loader):
    """Return the squared error of each beat, and whether it is ectopic."""
    model.eval()
    squares, labels = [], []
    for x, y in loader:
        squares.append(((model(x) - x) ** 2).mean((1, 2)))
        labels.append(y)
    return torch.cat(squares), torch.cat(labels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--latent", type=int, default=12)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x_train, y_train = record(rng, 1200, 0)
    x_val, y_val = record(rng, 300, 60)
    mean, std = x_train.mean(), x_train.std()
    train_set = TensorDataset((x_train - mean) / std, y_train)
    val_set = TensorDataset((x_val - mean) / std, y_val)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=120)

    model = ConvAutoencoder(args.latent)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for x, _ in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), x)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        squares, ectopic = errors(model, val_loader)
        print(
            f"epoch {epoch + 1:2d}  train mse {total / len(train_set):.4f}  "
            f"AUC of ectopic beats {roc_auc_score(ectopic, squares):.3f}  val mse {squares[ectopic == 0].mean():.4f}"
        )
