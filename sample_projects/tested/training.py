"""The parts of the training. There is no script: whoever trains calls `make_training`."""

import torch
from model import Digits
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_training():
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32) / 8 - 1
    labels = torch.tensor(labels)
    order = torch.randperm(len(images))
    train, val = order[:1400], order[1400:]
    model = Digits()
    return {
        "model": model,
        "train_loader": DataLoader(TensorDataset(images[train], labels[train]), 32, shuffle=True),
        "val_loader": DataLoader(TensorDataset(images[val], labels[val]), 128),
        "loss_fn": nn.CrossEntropyLoss(),
        "optimizer": torch.optim.AdamW(model.parameters(), lr=2e-3),
    }
