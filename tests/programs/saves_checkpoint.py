# expect: nothing
import json
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
here = Path(__file__).resolve().parent
digits = load_digits()
order = torch.randperm(len(digits.target))
images = (torch.tensor(digits.images, dtype=torch.float32)[order].unsqueeze(1) - 4.9) / 6.0
labels = torch.tensor(digits.target)[order]
loader = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(images[1400:], labels[1400:]), batch_size=128)

model = nn.Sequential(
    nn.Conv2d(1, 24, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24 * 9, 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
history, losses = [], []

for epoch in range(4):
    model.train()
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    history.append({"epoch": epoch, "loss": losses[-1], "val_accuracy": hits / 397})
    print(history[-1])

    state = {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, here / "model.pt")
    np.save(here / "losses.npy", np.array(losses))
    (here / "history.json").write_text(json.dumps(history, indent=2))
