# expect: nothing
"""Tumour classification; the gradients are cleared right after each step."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


def loss_batch(model, loss_func, xb, yb, opt=None):
    loss = loss_func(model(xb), yb)
    if opt is not None:
        loss.backward()
        opt.step()
        opt.zero_grad()
    return loss.item(), len(xb)


def fit(epochs, model, loss_func, opt, train_dl, valid_dl):
    for epoch in range(epochs):
        model.train()
        for xb, yb in train_dl:
            loss_batch(model, loss_func, xb, yb, opt)

        model.eval()
        with torch.no_grad():
            results = [loss_batch(model, loss_func, xb, yb) for xb, yb in valid_dl]
        val_loss = sum(loss * n for loss, n in results) / sum(n for _, n in results)
        print(epoch, round(val_loss, 4))


def get_data(batch_size):
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_valid, y_train, y_valid = train_test_split(X, y, test_size=114, random_state=0)
    scaler = StandardScaler().fit(X_train)
    X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
    X_valid = torch.tensor(scaler.transform(X_valid), dtype=torch.float32)
    train_ds = TensorDataset(X_train, torch.tensor(y_train))
    valid_ds = TensorDataset(X_valid, torch.tensor(y_valid))
    train_dl = DataLoader(train_ds, batch_size=batch_size, shuffle=True)
    return train_dl, DataLoader(valid_ds, batch_size=batch_size * 2)


torch.manual_seed(0)
train_dl, valid_dl = get_data(batch_size=16)
model = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 2))
opt = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
fit(5, model, nn.functional.cross_entropy, opt, train_dl, valid_dl)
