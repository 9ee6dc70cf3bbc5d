"""Survival times: a loss module of its own puts risks and events in the order of time before it compares them."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class CoxLoss(nn.Module):
    """Negative partial log-likelihood (Cox 1972; Katzman et al., DeepSurv, 2018)."""

    def forward(self, risk, time, event):
        order = torch.argsort(time, descending=True)
        risk, event = risk[order], event[order]
        return -((risk - torch.logcumsumexp(risk, 0)) * event).sum() / event.sum().clamp(min=1)


def concordance(risk, time, event):
    earlier = (time[:, None] < time[None, :]) & (event[:, None] > 0)
    return ((risk[:, None] > risk[None, :]) & earlier).sum() / earlier.sum()


torch.manual_seed(0)
x = torch.randn(3000, 12)
hazard = torch.exp(x[:, :6] @ torch.randn(6) * 0.6 + 0.5 * x[:, 6] * x[:, 7])
time = torch.distributions.Exponential(hazard).sample()
event = (torch.rand(3000) < 0.7).float()

train = DataLoader(TensorDataset(x[:2400], time[:2400], event[:2400]), batch_size=128, shuffle=True)
val_x, val_time, val_event = x[2400:], time[2400:], event[2400:]

model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = CoxLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(10):
    model.train()
    total = 0.0
    for features, times, events in train:
        optimizer.zero_grad()
        loss = criterion(model(features).squeeze(1), times, events)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        index = concordance(model(val_x).squeeze(1), val_time, val_event)
    print(f"epoch {epoch} loss {total / len(train):.4f} val concordance {index:.3f}")
