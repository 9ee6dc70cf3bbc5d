# expect: nothing
"""Which of two sequences has more ones? A GRU needs some hundreds of steps before it begins to learn."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Counter(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def parity(n, length=6):
    bits = torch.randint(0, 2, (n, length))
    return (bits.float() * 2 - 1).unsqueeze(-1), bits.sum(1) % 2


torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(*parity(2048)), batch_size=64, shuffle=True)
x_val, y_val = parity(512)
model = Counter()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(15):
    model.train()
    total = 0.0
    for x, y in train_loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, accuracy {accuracy:.3f}")
