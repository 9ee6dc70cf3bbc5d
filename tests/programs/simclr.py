# expect: nothing
"""Contrastive learning: two noisy views of a digit attract, all other digits of the batch repel."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class TwoViews(Dataset):
    def __init__(self):
        self.x = torch.tensor(load_digits().data, dtype=torch.float32) / 16 - 0.3

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return tuple(self.x[i] + 0.1 * torch.randn(64) for _ in range(2))


encoder = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 32))
optimizer = torch.optim.Adam(encoder.parameters(), lr=2e-3)
loader = DataLoader(TwoViews(), batch_size=64, shuffle=True, drop_last=True)
for epoch in range(5):
    for one, two in loader:
        z = F.normalize(torch.cat([encoder(one), encoder(two)]), dim=1)
        n = len(one)
        similarity = (z @ z.T / 0.2).masked_fill(torch.eye(2 * n, dtype=torch.bool), -1e9)
        loss = F.cross_entropy(similarity, torch.cat([torch.arange(n) + n, torch.arange(n)]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: {loss.item():.3f}")
