# expect: clipping-misuse
import math

import torch
from torch import nn

torch.manual_seed(0)
t = torch.arange(12_000) / 10
series = torch.sin(t) + 0.5 * torch.sin(0.37 * t) + 0.05 * torch.randn(len(t))
train, val = series[:9600], series[9600:]
mean, std = train.mean(), train.std()
train, val = (train - mean) / std, (val - mean) / std
LENGTH = 32


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.out(self.gru(x)[0])


def get_batch(values, size=32):
    starts = torch.randint(len(values) - LENGTH - 1, (size,)).tolist()
    x = torch.stack([values[s : s + LENGTH] for s in starts]).unsqueeze(-1)
    y = torch.stack([values[s + 1 : s + LENGTH + 1] for s in starts]).unsqueeze(-1)
    return x, y


model = Forecaster()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(240):
    x, y = get_batch(train)
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # the fault: after the step
    if step % 40 == 39:
        model.eval()
        with torch.no_grad():
            x, y = get_batch(val, 128)
            error = math.sqrt(criterion(model(x), y).item())
        model.train()
        print(f"step {step + 1} loss {loss.item():.4f} val rmse {error:.4f}")
