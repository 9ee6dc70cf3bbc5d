# expect: nothing
import torch
from torch import nn

torch.manual_seed(0)
t = torch.arange(12_000) / 10
series = torch.sin(t) + 0.6 * torch.sin(0.31 * t + 1) + 0.05 * torch.randn(len(t))
train, val = series[:9600], series[9600:]
mean, std = train.mean(), train.std()
train, val = (train - mean) / std, (val - mean) / std


def batchify(values, batch_size):
    """Cut the series into parallel streams, one a row."""
    length = len(values) // batch_size
    return values[: length * batch_size].view(batch_size, length, 1)


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        out, state = self.lstm(x, state)
        return self.out(out), state


streams, val_streams = batchify(train, 16), batchify(val, 4)
bptt = 24
model = Forecaster()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(8):
    model.train()
    state, total, steps = None, 0.0, 0
    for start in range(0, streams.shape[1] - bptt, bptt):
        x = streams[:, start : start + bptt]
        y = streams[:, start + 1 : start + bptt + 1]
        if state is not None:
            state = tuple(s.detach() for s in state)  # carry the values on, not the graph
        pred, state = model(x, state)
        loss = criterion(pred, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        steps += 1
    model.eval()
    with torch.no_grad():
        pred, _ = model(val_streams[:, :-1])
        val_loss = criterion(pred, val_streams[:, 1:]).item()
    print(f"epoch {epoch}: train mse {total / steps:.4f}, val mse {val_loss:.4f}")
