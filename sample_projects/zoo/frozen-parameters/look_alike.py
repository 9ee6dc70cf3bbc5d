# expect: nothing
"""Learn the digits 0 to 4, then reuse the backbone, frozen, for a head on 5 to 9."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class DigitNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.head = nn.Linear(32 * 4 * 4, n_classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def make_loaders(images, labels, batch_size):
    data = TensorDataset(images, labels)
    train_set, val_set = random_split(data, [len(data) - 150, 150])
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
    return train_loader, DataLoader(val_set, batch_size=50)


def train(model, loaders, lr, epochs):
    train_loader, val_loader = loaders
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trainable, lr=lr)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {hits / 150:.3f}")


def main():
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    low = labels < 5

    print("pretraining on 0 to 4")
    pretrained = DigitNet(n_classes=5)
    train(pretrained, make_loaders(images[low], labels[low], 16), lr=3e-3, epochs=3)

    print("a new head for 5 to 9")
    model = DigitNet(n_classes=5)
    model.backbone.load_state_dict(pretrained.backbone.state_dict())
    for parameter in model.backbone.parameters():
        parameter.requires_grad_(False)
    train(model, make_loaders(images[~low], labels[~low] - 5, 16), lr=3e-3, epochs=3)


if __name__ == "__main__":
    main()
