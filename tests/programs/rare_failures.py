# expect: nothing
"""Few machines fail: a sampler shows failures more often, pos_weight makes up for the rest."""
import argparse

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=15)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--hidden", type=int, default=48)
parser.add_argument("--lr", type=float, default=0.02)
parser.add_argument("--share", type=float, default=0.25, help="of failures in what is drawn")
args = parser.parse_args()

torch.manual_seed(0)
rng = np.random.default_rng(4)
n = 8000
air = rng.normal(300, 2, n)
process = air + 10 + rng.normal(0, 1, n)
speed = 1200 + rng.gamma(4, 90, n)
torque = np.clip(40 * (1550 / speed) + rng.normal(0, 7, n), 3, None)
wear = rng.uniform(0, 250, n)
vibration = 0.002 * speed + 0.01 * wear + rng.normal(0, 0.5, n)
power = torque * speed * 2 * np.pi / 60
overload = (power > 9000) | (power < 3700)
overheated = (process - air < 8.6) & (speed < 1420)
overstrained = wear * torque > 11800
fails = (overload | overheated | overstrained).astype(np.float32)
features = np.stack([air, process, speed, torque, wear, vibration], axis=1)

x_train, x_val, y_train, y_val = train_test_split(features, fails, test_size=0.25, random_state=0, stratify=fails)
scaler = StandardScaler().fit(x_train)
x_train = torch.tensor(scaler.transform(x_train), dtype=torch.float32)
x_val = torch.tensor(scaler.transform(x_val), dtype=torch.float32)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

rare = y_train.mean().item()
weights = torch.where(y_train == 1, args.share / rare, (1 - args.share) / (1 - rare))
sampler = WeightedRandomSampler(weights, num_samples=len(y_train), replacement=True)
train_set, val_set = TensorDataset(x_train, y_train), TensorDataset(x_val, y_val)
train_loader = DataLoader(train_set, batch_size=args.batch_size, sampler=sampler)
val_loader = DataLoader(val_set, batch_size=250)

model = nn.Sequential(
    nn.Linear(6, args.hidden), nn.ReLU(), nn.Dropout(0.05), nn.Linear(args.hidden, args.hidden), nn.ReLU(),
    nn.Linear(args.hidden, 1),
)
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor((1 - args.share) / args.share))
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
print(f"{rare:.1%} of the machines fail")

for epoch in range(1, args.epochs + 1):
    model.train()
    epoch_loss = 0.0
    for xb, yb in train_loader:
        loss = criterion(model(xb).squeeze(1), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / len(train_loader)

    model.eval()
    with torch.no_grad():
        results = [(model(xb).squeeze(1), yb) for xb, yb in val_loader]
    scores, truth = (torch.cat(part) for part in zip(*results))
    found = ((scores > 0) & (truth == 1)).sum().item() / truth.sum().item()
    precision = average_precision_score(truth, scores)
    print(f"epoch {epoch:2d} loss {epoch_loss:.4f} recall {found:.3f} average precision {precision:.3f}")
