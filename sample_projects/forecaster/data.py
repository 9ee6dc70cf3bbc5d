"""A series like the monthly sunspot numbers: a cycle of about eleven years, uneven and noisy."""

import numpy as np
import torch
from torch.utils.data import Dataset


def sunspot_like(months=3000, seed=0):
    rng = np.random.default_rng(seed)
    speed = 2 * np.pi / 132 * (1 + 0.15 * np.sin(2 * np.pi * np.arange(months) / 1100))
    phase = np.cumsum(speed)
    height = 80 + 30 * np.sin(2 * np.pi * np.arange(months) / 950)
    wave = np.clip(np.sin(phase) + 0.25 * np.sin(2 * phase + 0.6), -0.7, None) + 0.7
    noise = np.zeros(months)
    for i in range(1, months):
        noise[i] = 0.7 * noise[i - 1] + rng.normal(0, 4)
    return (height * wave + noise).astype(np.float32)


class Windows(Dataset):
    """`window` months, and the value `horizon` months later."""

    def __init__(self, series, window, horizon):
        self.series = torch.as_tensor(series)
        self.window, self.horizon = window, horizon

    def __len__(self):
        return len(self.series) - self.window - self.horizon + 1

    def __getitem__(self, i):
        end = i + self.window
        return self.series[i:end].unsqueeze(1), self.series[end + self.horizon - 1].unsqueeze(0)
