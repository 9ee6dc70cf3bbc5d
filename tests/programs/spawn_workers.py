# expect: nothing
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class DigitImages(Dataset):
    def __init__(self, images, labels, mean, std):
        self.images, self.labels = images.astype(np.float32), labels
        self.mean, self.std = mean, std

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = (self.images[i] - self.mean) / self.std
        return torch.from_numpy(image).unsqueeze(0), int(self.labels[i])


def main():
    from sklearn.datasets import load_digits  # here, so that the workers need not load it

    torch.manual_seed(0)
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images, labels = digits.images[order], digits.target[order]
    mean, std = float(images[:1400].mean()), float(images[:1400].std())
    train_loader = DataLoader(
        DigitImages(images[:1400], labels[:1400], mean, std),
        batch_size=32,
        shuffle=True,
        num_workers=2,
        multiprocessing_context="spawn",
        persistent_workers=True,
    )
    val_loader = DataLoader(DigitImages(images[1400:], labels[1400:], mean, std), batch_size=128)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(3):
        model.train()
        for x, y in train_loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {hits / 397:.3f}")


if __name__ == "__main__":
    main()
