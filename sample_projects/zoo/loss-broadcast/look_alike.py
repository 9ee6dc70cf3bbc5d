# expect: nothing
"""Three outputs of a robot arm at once; each sample has a weight, its measurement's quality."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class ArmData(Dataset):
    """Joint angles, the position that was measured, and a weight of shape (1,)."""

    def __init__(self, n):
        self.angles = 1.2 * torch.randn(n, 3)
        a, b, c = self.angles.unbind(dim=1)
        reach = torch.cos(b) + 0.7 * torch.cos(b + c)
        height = torch.sin(b) + 0.7 * torch.sin(b + c)
        position = torch.stack([reach * torch.cos(a), reach * torch.sin(a), height], dim=1)
        noise = 0.02 + 0.18 * torch.rand(n, 1)
        self.positions = (position + noise * torch.randn(n, 3)) / 0.8
        self.weights = 1 / (0.1 + noise)
        self.weights /= self.weights.mean()

    def __len__(self):
        return len(self.angles)

    def __getitem__(self, index):
        return self.angles[index], self.positions[index], self.weights[index]


def weighted_mse(prediction, target, weight):
    return (weight * (prediction - target) ** 2).mean()


class ArmNet(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.hidden_1 = nn.Linear(3, width)
        self.hidden_2 = nn.Linear(width, width)
        self.position = nn.Linear(width, 3)

    def forward(self, angles):
        x = torch.tanh(self.hidden_1(angles))
        x = torch.tanh(self.hidden_2(x))
        return self.position(x)


def main():
    torch.manual_seed(0)
    train_loader = DataLoader(ArmData(1600), batch_size=32, shuffle=True)
    val_loader = DataLoader(ArmData(400), batch_size=100)
    model = ArmNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(5):
        model.train()
        train_loss = 0.0
        for angles, position, weight in train_loader:
            optimizer.zero_grad()
            loss = weighted_mse(model(angles), position, weight)
            loss.backward()
            optimizer.step()
            train_loss += loss.item() / len(train_loader)
        model.eval()
        val_loss = 0.0
        with torch.no_grad():
            for angles, position, weight in val_loader:
                val_loss += weighted_mse(model(angles), position, weight).item() / len(val_loader)
        print(f"epoch {epoch}: train {train_loss:.4f}, val {val_loss:.4f}")


if __name__ == "__main__":
    main()
