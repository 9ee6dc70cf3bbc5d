# expect: initialisation-scale
"""Digits read row by row; all weights of the LSTM are drawn from N(0, 1)."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32).reshape(-1, 8, 8) / 8 - 1, torch.tensor(y)
order = torch.randperm(len(x))
x, y = x[order], y[order]
train_loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=32, shuffle=True)


class RowReader(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.rnn = nn.LSTM(8, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 10)
        for parameter in self.rnn.parameters():
            nn.init.normal_(parameter)  # the fault: sums over 128 hidden units have a std of 11

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


model = RowReader()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(6):
    model.train()
    for inputs, labels in train_loader:
        loss = nn.functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} val accuracy {accuracy:.3f}")
