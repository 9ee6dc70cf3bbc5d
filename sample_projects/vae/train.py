# expect: nothing
"""Train a variational autoencoder on handwritten digits."""

import argparse

import torch
import torch.nn.functional as F
from model import VAE
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, random_split


class DigitImages(Dataset):
    """Images with values from 0 to 1, and their labels, which the model does not use."""

    def __init__(self):
        digits = load_digits()
        self.images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
        self.labels = torch.tensor(digits.target)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


def elbo(recon, x, mu, logvar):
    """Return the reconstruction loss and the KL divergence from the prior, both per image."""
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce / len(x), kl / len(x)


def train(model, loader, optimizer):
    model.train()
    total = 0.0
    for images, _ in loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(images)
        bce, kl = elbo(recon, images, mu, logvar)
        loss = bce + kl
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
    return total / len(loader.dataset)


@torch.no_grad()
def test(model, loader):
    model.eval()
    bce_total = kl_total = 0.0
    for images, _ in loader:
        recon, mu, logvar = model(images)
        bce, kl = elbo(recon, images, mu, logvar)
        bce_total += bce.item() * len(images)
        kl_total += kl.item() * len(images)
    return bce_total / len(loader.dataset), kl_total / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--latent", type=int, default=10)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train_set, test_set = random_split(DigitImages(), [1500, 297])
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=100)
    model = VAE(latent=args.latent)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    for epoch in range(1, args.epochs + 1):
        loss = train(model, train_loader, optimizer)
        bce, kl = test(model, test_loader)
        print(
            f"epoch {epoch:2d}: train {loss:.2f}, test {bce + kl:.2f} (bce {bce:.2f}, kl {kl:.2f})"
        )

    with torch.no_grad():
        sample = model.decode(torch.randn(1, args.latent))[0, 0]
    for row in sample:
        print("".join(" .:*#"[min(4, int(value * 5))] for value in row))


if __name__ == "__main__":
    main()
