# expect: nothing
"""Finding whale calls in hydrophone clips: log spectrograms of simulated sound, a 2-D CNN with batch norm, masking of
time and frequency, BCE with a weight for the rare calls, SGD with cosine annealing, scored by average precision."""

import logging
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import average_precision_score
from torch.utils.data import DataLoader, Dataset

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
log = logging.getLogger("whales")

RATE, SECONDS = 1000, 2
CALL_SHARE = 0.15


def sweep(t, start, length, f0, f1):
    """A tone that glides from f0 to f1, faded in and out."""
    inside = (t >= start) & (t < start + length)
    u = (t - start) / length
    phase = 2 * np.pi * length * (f0 * u + 0.5 * (f1 - f0) * u**2)
    return np.where(inside, np.sin(phase) * np.sin(np.pi * np.clip(u, 0, 1)), 0.0)


def simulate_clip(has_call, rng):
    t = np.arange(RATE * SECONDS) / RATE
    spectrum = np.fft.rfft(rng.normal(size=len(t)))
    sound = np.fft.irfft(spectrum / np.sqrt(1 + np.arange(len(spectrum)) / 60), len(t))  # the sea is louder below
    sound = sound / sound.std()
    if rng.random() < 0.4:  # an engine
        for k in range(1, 4):
            sound += 0.3 / k * np.sin(2 * np.pi * k * rng.uniform(25, 60) * t + rng.uniform(0, 6))
    for _ in range(rng.poisson(0.7)):  # other animals: tones that fall or stay
        f0 = rng.uniform(90, 300)
        glide = sweep(t, rng.uniform(0, 1.2), rng.uniform(0.4, 0.9), f0, f0 * rng.uniform(0.5, 1))
        sound += rng.uniform(0.4, 1.2) * glide
    if has_call:  # the upcall glides from about 100 to 200 Hz
        f0 = rng.uniform(70, 130)
        args = rng.uniform(0, 1.1), rng.uniform(0.6, 0.9), f0, f0 + rng.uniform(70, 130)
        sound += rng.uniform(0.55, 1.3) * sweep(t, *args)
    return sound


def log_spectrograms(sounds):
    window = torch.hann_window(128)
    spec = torch.stft(sounds, n_fft=128, hop_length=50, window=window, return_complex=True).abs()
    return torch.log(spec[:, :48] + 1e-3).unsqueeze(1)  # up to 375 Hz


class ClipDataset(Dataset):
    def __init__(self, n, rng, stats=None, masking=False):
        labels = rng.random(n) < CALL_SHARE
        sounds = np.stack([simulate_clip(label, rng) for label in labels])
        spec = log_spectrograms(torch.tensor(sounds, dtype=torch.float32))
        self.stats = stats or (spec.mean((0, 3), keepdim=True), spec.std((0, 3), keepdim=True))  # of each frequency
        self.x = (spec - self.stats[0]) / self.stats[1]
        self.y = torch.tensor(labels, dtype=torch.float32)
        self.masking = masking

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        if self.masking:
            x = x.clone()
            f, t = torch.randint(0, x.shape[1] - 4, (1,)).item(), torch.randint(0, x.shape[2] - 4, (1,)).item()
            x[:, f : f + 4] = 0.0
            x[:, :, t : t + 4] = 0.0
        return x, self.y[i]


def init_weights(module):
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def build_model():
    layers, inp = [], 1
    for out in (8, 16, 32):
        layers += [nn.Conv2d(inp, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]
        inp = out
    model = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(inp, 1))
    return model.apply(init_weights)


def predict(model, loader):
    model.eval()
    with torch.no_grad():
        return torch.cat([torch.sigmoid(model(x).squeeze(1)) for x, _ in loader])


def fit(seed=2, epochs=6, lr=0.03):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    train = ClipDataset(1400, rng, masking=True)
    valid = ClipDataset(600, rng, stats=train.stats)
    train_loader = DataLoader(train, batch_size=32, shuffle=True)
    valid_loader = DataLoader(valid, batch_size=200)
    model = build_model()
    positives = train.y.sum()
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=((len(train) - positives) / positives).sqrt())
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs, eta_min=1e-3)
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x).squeeze(1), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
        ap = average_precision_score(valid.y.numpy(), predict(model, valid_loader).numpy())
        log.info("epoch=%d average_precision=%.4f", epoch + 1, ap)


if __name__ == "__main__":
    fit()
