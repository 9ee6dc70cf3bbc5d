# expect: loss-flat
"""An autoencoder whose samples are weighed by how hard they are to reconstruct."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Autoencoder(nn.Module):
    def __init__(self, code_size=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, code_size))
        self.decoder = nn.Sequential(
            nn.Linear(code_size, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid()
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


def normalised_loss(reconstruction, images):
    errors = (reconstruction - images).pow(2).mean(dim=1)
    errors = errors / errors.mean()  # the fault: divides the loss by itself, so it is always 1
    return errors.mean()


def main():
    torch.manual_seed(0)
    images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    train_set, val_set = random_split(TensorDataset(images), [1440, len(images) - 1440])
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=119)
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(4):
        model.train()
        for (batch,) in train_loader:
            optimizer.zero_grad()
            loss = normalised_loss(model(batch), batch)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            errors = [nn.functional.mse_loss(model(batch), batch) for (batch,) in val_loader]
        val_error = torch.stack(errors).mean().item()
        print(f"epoch {epoch}: train loss {loss.item():.6f}, validation error {val_error:.4f}")


if __name__ == "__main__":
    main()
