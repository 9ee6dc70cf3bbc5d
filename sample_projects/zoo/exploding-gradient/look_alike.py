# expect: nothing
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
LENGTH = 60


def make_waves(n):
    """Waves of one of three frequencies, with noise and a random phase."""
    labels = torch.randint(3, (n,))
    frequency = torch.tensor([2.0, 3.0, 4.5])[labels].unsqueeze(1)
    t = torch.arange(LENGTH) / LENGTH
    x = torch.sin(2 * math.pi * (frequency * t + torch.rand(n, 1))) * 2**0.5
    return (x + 0.1 * torch.randn(n, LENGTH)).unsqueeze(-1), labels


class RNN(nn.Module):
    def __init__(self, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size
        self.inp = nn.Linear(1, hidden_size)
        self.hidden = nn.Linear(hidden_size, hidden_size, bias=False)
        self.out = nn.Linear(hidden_size, 3)
        nn.init.orthogonal_(self.hidden.weight, gain=1.05)

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.hidden_size)
        for t in range(x.size(1)):
            h = torch.tanh(self.inp(x[:, t]) + self.hidden(h))
        return self.out(h)


x, y = make_waves(1600)
train_loader = DataLoader(TensorDataset(x[:1280], y[:1280]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1280:], y[1280:]), batch_size=80)
model = RNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(4):
    model.train()
    for step, (waves, labels) in enumerate(train_loader):
        loss = criterion(model(waves), labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        if step % 10 == 0:
            norm = model.hidden.weight.grad.norm().item()
            print(f"epoch {epoch} step {step} loss {loss.item():.4f} gradient norm {norm:.2f}")
    model.eval()
    with torch.no_grad():
        hits = sum((model(waves).argmax(1) == labels).sum().item() for waves, labels in val_loader)
    print(f"epoch {epoch} validation accuracy {hits / len(val_loader.dataset):.3f}")
