# expect: learning-rate-too-low
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_friedman2
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset


class Circuits(Dataset):
    def __init__(self, X, y):
        self.X, self.y = torch.from_numpy(X).float(), torch.from_numpy(y).float()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"x": self.X[i], "y": self.y[i]}


class Model(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(4, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.head(self.net(x)).squeeze(-1)


def main(args):
    torch.manual_seed(args.seed)
    X, y = make_friedman2(1600, noise=10.0, random_state=args.seed)
    y = y.reshape(-1, 1)
    X_scaler, y_scaler = StandardScaler().fit(X[:1280]), StandardScaler().fit(y[:1280])
    X, y = X_scaler.transform(X), y_scaler.transform(y)[:, 0]
    train = DataLoader(Circuits(X[:1280], y[:1280]), args.batch_size, shuffle=True)
    val = DataLoader(Circuits(X[1280:], y[1280:]), args.batch_size)
    model = Model(args.hidden)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        model.train()
        for batch in train:
            loss = F.mse_loss(model(batch["x"]), batch["y"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            losses = [F.mse_loss(model(batch["x"]), batch["y"]).item() for batch in val]
        print(f"epoch {epoch} validation loss {sum(losses) / len(losses):.6f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-8)  # the fault: meant to be 1e-3
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args())
