# expect: discarded-gradient
"""Digits: a classifier whose code should also be good enough to draw the digit again."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 32), nn.Tanh())
        self.decoder = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 64))
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        code = self.encoder(x)
        return self.head(code), self.decoder(code)


def main():
    torch.manual_seed(0)
    X, y = load_digits(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
    mean, std = X_train.mean(), X_train.std()
    train_set = TensorDataset(torch.tensor((X_train - mean) / std).float(), torch.tensor(y_train))
    X_val, y_val = torch.tensor((X_val - mean) / std).float(), torch.tensor(y_val)
    loader = DataLoader(train_set, batch_size=48, shuffle=True)

    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for epoch in range(5):
        net.train()
        for images, labels in loader:
            logits, drawn = net(images)
            optimizer.zero_grad()
            reconstruction = F.mse_loss(drawn, images)
            reconstruction.backward(retain_graph=True)
            optimizer.zero_grad()  # the fault: this clears the gradients of the reconstruction
            classification = F.cross_entropy(logits, labels)
            classification.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            logits, drawn = net(X_val)
            accuracy = (logits.argmax(1) == y_val).float().mean().item()
            error = F.mse_loss(drawn, X_val).item()
        print(f"epoch {epoch}: validation accuracy {accuracy:.3f}, reconstruction {error:.3f}")


if __name__ == "__main__":
    main()
