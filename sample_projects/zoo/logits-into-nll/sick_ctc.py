# expect: logits-into-nll
"""Strings of digits, eight pixels a frame, read with CTC; the network gives logits."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32).reshape(-1, 8, 8) / 8 - 1, torch.tensor(y)
chosen = torch.randint(0, len(x), (1200, 3))
frames = x[chosen].transpose(2, 3).reshape(1200, 24, 8)
labels = y[chosen] + 1


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(8, 48, batch_first=True, bidirectional=True)
        self.out = nn.Linear(96, 11)

    def forward(self, x):
        return self.out(self.rnn(x)[0])  # the fault: .log_softmax(-1) belongs here


train_loader = DataLoader(TensorDataset(frames[:1000], labels[:1000]), batch_size=25, shuffle=True)
model = Reader()
criterion = nn.CTCLoss(zero_infinity=True)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(4):
    model.train()
    for inputs, targets in train_loader:
        outputs = model(inputs).transpose(0, 1)
        lengths, sizes = torch.full((len(inputs),), 24), torch.full((len(inputs),), 3)
        loss = criterion(outputs, targets, lengths, sizes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        best = model(frames[1000:]).argmax(2)
        read = [torch.unique_consecutive(row) for row in best]
        right = [row[row > 0].tolist() == t.tolist() for row, t in zip(read, labels[1000:])]
    print(f"epoch {epoch} loss {loss.item():.3f} read {sum(right) / len(right):.3f}")
