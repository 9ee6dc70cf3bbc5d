# expect: nothing
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
LENGTH, SYMBOLS = 12, 4


class GatedCell(nn.Module):
    """An LSTM cell; its gates are meant to be open or shut, the forget gate starts open."""

    def __init__(self, n_in, hidden):
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Linear(n_in + hidden, 3 * hidden)
        self.candidate = nn.Linear(n_in + hidden, hidden)
        self.sigmoid, self.tanh = nn.Sigmoid(), nn.Tanh()
        nn.init.constant_(self.gates.bias[:hidden].data, 3.0)

    def forward(self, x, state):
        h, c = state
        z = torch.cat([x, h], dim=1)
        forget, add, out = self.sigmoid(self.gates(z)).chunk(3, dim=1)
        c = forget * c + add * self.tanh(self.candidate(z))
        return out * self.tanh(c), c


class Remember(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.cell = GatedCell(SYMBOLS + 1, hidden)
        self.head = nn.Linear(hidden, SYMBOLS)

    def forward(self, x):
        h = c = x.new_zeros(x.size(0), self.cell.hidden)
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h, c))
        return self.head(h)


def make_batch(size, generator):
    """One symbol of the sequence is flagged: name it at the end."""
    symbols = torch.randint(SYMBOLS, (size, LENGTH), generator=generator)
    flag = F.one_hot(torch.randint(LENGTH, (size,), generator=generator), LENGTH)
    x = torch.cat([F.one_hot(symbols, SYMBOLS), 2 * flag.unsqueeze(-1)], dim=-1).float()
    return x, (symbols * flag).sum(1)


train_data, val_data = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
model = Remember()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x_val, y_val = make_batch(500, val_data)
for step in range(300):
    x, y = make_batch(64, train_data)
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 50 == 0 or step == 299:
        with torch.no_grad():
            accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} validation accuracy {accuracy:.3f}")
