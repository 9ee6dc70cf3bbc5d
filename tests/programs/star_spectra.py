# expect: nothing
"""Classify stars by their spectra, after the MNIST example of PyTorch: train(), test(), log_softmax and NLLLoss."""

from __future__ import print_function

import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

WAVELENGTHS = np.linspace(380, 750, 128)
#            temperature (kK), and how deep the lines of H, He, Ca, Na, TiO are
TYPES = {
    "B": (17, (0.30, 0.22, 0.00, 0.00, 0.00)),
    "A": (9, (0.55, 0.03, 0.06, 0.00, 0.00)),
    "F": (7, (0.36, 0.00, 0.20, 0.05, 0.00)),
    "G": (5.7, (0.20, 0.00, 0.36, 0.14, 0.00)),
    "K": (4.6, (0.10, 0.00, 0.38, 0.28, 0.10)),
    "M": (3.5, (0.04, 0.00, 0.24, 0.30, 0.40)),
}
LINES = [(410, 434, 486, 656), (402, 447, 588), (393, 397, 423), (589,), (476, 517, 545, 620, 671)]


def spectrum(temperature, depths, rng):
    temperature = temperature * rng.normal(1, 0.06)
    flux = WAVELENGTHS**-5.0 / (np.exp(14388 / (WAVELENGTHS * temperature)) - 1)
    flux = flux / flux.mean()
    shift, width = rng.normal(0, 0.8), rng.uniform(2.5, 5)
    strength = rng.lognormal(0, 0.2)
    for depth, centres in zip(depths, LINES):
        for centre in centres:
            line = np.exp(-0.5 * ((WAVELENGTHS - centre - shift) / width) ** 2)
            flux = flux * (1 - min(0.95, depth * strength * rng.normal(1, 0.2)) * line)
    dust = 1 - rng.uniform(0, 0.5) * (750 - WAVELENGTHS) / 370
    return flux * dust + rng.normal(0, 0.07, len(WAVELENGTHS))


def catalogue(n, rng):
    labels = rng.choice(len(TYPES), size=n, p=[0.1, 0.15, 0.2, 0.2, 0.2, 0.15])
    kinds = list(TYPES.values())
    flux = np.stack([spectrum(*kinds[label], rng) for label in labels])
    return torch.tensor(flux, dtype=torch.float32).unsqueeze(1), torch.tensor(labels)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv1d(1, 16, 9, padding=4)
        self.conv2 = nn.Conv1d(16, 32, 5, padding=2)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 16, 64)
        self.fc2 = nn.Linear(64, len(TYPES))

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x)), 2)
        x = F.max_pool1d(F.relu(self.conv2(x)), 4)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.dropout(x)
        x = self.fc2(x)
        return F.log_softmax(x, dim=1)


def train(model, train_loader, criterion, optimizer):
    model.train()
    total = 0.0
    for batch_idx, (data, target) in enumerate(train_loader):
        optimizer.zero_grad()
        output = model(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


def test(model, test_loader, criterion):
    model.eval()
    test_loss, correct = 0.0, 0
    with torch.no_grad():
        for data, target in test_loader:
            output = model(data)
            test_loss += criterion(output, target).item() * len(target)
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    n = len(test_loader.dataset)
    return test_loss / n, correct / n


def main():
    parser = argparse.ArgumentParser(description="PyTorch star spectra")
    parser.add_argument("--batch-size", type=int, default=32, help="input batch size for training")
    parser.add_argument("--test-batch-size", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--gamma", type=float, default=0.8, help="learning rate step gamma")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x_train, y_train = catalogue(2400, rng)
    x_test, y_test = catalogue(600, rng)
    mean, std = x_train.mean(), x_train.std()
    train_loader = DataLoader(TensorDataset((x_train - mean) / std, y_train), batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(TensorDataset((x_test - mean) / std, y_test), batch_size=args.test_batch_size)

    model = Net()
    criterion = nn.NLLLoss()
    optimizer = optim.RMSprop(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    for epoch in range(1, args.epochs + 1):
        train_loss = train(model, train_loader, criterion, optimizer)
        test_loss, accuracy = test(model, test_loader, criterion)
        scheduler.step()
        print(
            "Epoch: {}\tTrain loss: {:.4f}\tTest loss: {:.4f}\tTest accuracy: {:.4f}".format(
                epoch, train_loss, test_loss, accuracy
            )
        )


if __name__ == "__main__":
    main()
