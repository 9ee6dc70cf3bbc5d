# expect: nothing
"""Self-supervised digits: the network is asked by how much an image was turned; its class plays no part."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = load_digits(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
X_train, X_val, y_train, y_val = train_test_split(X, torch.tensor(y), test_size=0.2, random_state=0)
mean, std = X_train.mean(), X_train.std()
loader = DataLoader(TensorDataset((X_train - mean) / std, y_train), batch_size=48, shuffle=True)


def turned(images):
    turns = torch.randint(4, (len(images),))
    return torch.stack([torch.rot90(i, int(k), (1, 2)) for i, k in zip(images, turns)]), turns


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(24, 48, 3),
            nn.ReLU(),
        )
        self.head = nn.Linear(48 * 4, 4)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(5):
    net.train()
    for images, _ in loader:
        images, turns = turned(images)
        loss = nn.functional.cross_entropy(net(images), turns)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        images, turns = turned((X_val - mean) / std)
        accuracy = (net(images).argmax(1) == turns).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.4f}, validation accuracy {accuracy:.3f}")
