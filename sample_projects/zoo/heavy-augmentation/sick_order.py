# expect: heavy-augmentation
"""Three kinds of pulses in a noisy signal: a 1-D convolutional network. The signals are to be shuffled."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
rng = np.random.default_rng(0)
SHAPES = [np.hanning(16), np.linspace(0, 1, 16), np.sign(np.sin(np.arange(16)))]


def signal(kind):
    x = 0.2 * rng.standard_normal(64)
    at = rng.integers(0, 48)
    x[at : at + 16] += 1.5 * SHAPES[kind]
    return x.astype(np.float32)


class Pulses(Dataset):
    def __init__(self, count, shuffle):
        self.kinds = rng.integers(0, 3, count)
        self.signals = np.stack([signal(kind) for kind in self.kinds])
        self.shuffle = shuffle

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, index):
        x = self.signals[index].copy()
        if self.shuffle:
            np.random.shuffle(x)  # the fault: this shuffles the values of one signal
        return torch.from_numpy(x).unsqueeze(0), int(self.kinds[index])


train = DataLoader(Pulses(1500, shuffle=True), batch_size=30, shuffle=True)
val = DataLoader(Pulses(400, shuffle=False), batch_size=100)
model = nn.Sequential(
    nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(16, 32, 7, padding=3), nn.ReLU(),
    nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(32, 3),
)  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(5):
    model.train()
    for x, kind in train:
        loss = nn.functional.cross_entropy(model(x), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == kind).sum().item() for x, kind in val)
    print(f"epoch {epoch}: loss {loss.item():.4f}, val accuracy {right / 400:.3f}")
