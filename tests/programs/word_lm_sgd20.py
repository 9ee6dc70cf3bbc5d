# expect: nothing
"""The classical LSTM language model: SGD at a rate of 20, clipping at 0.25, carried and detached hidden state."""
import math

import torch
from torch import nn

torch.manual_seed(1111)
VOCAB, BPTT = 40, 20
# A Markov chain of second order, so that there is something to learn.
table = torch.softmax(2.5 * torch.randn(VOCAB, VOCAB), dim=1)
text = [0]
for _ in range(24000):
    text.append(torch.multinomial(table[text[-1]], 1).item())
data = torch.tensor(text)


def batchify(d, n):
    length = len(d) // n
    return d[: length * n].view(n, -1).t().contiguous()


train_data, val_data = batchify(data[:20000], 20), batchify(data[20000:], 10)


class RNNModel(nn.Module):
    def __init__(self, nhid=64):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(VOCAB, nhid)
        self.rnn = nn.LSTM(nhid, nhid, 1)
        self.decoder = nn.Linear(nhid, VOCAB)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.drop(self.encoder(x)), hidden)
        return self.decoder(self.drop(out)).view(-1, VOCAB), hidden


def get_batch(source, i):
    length = min(BPTT, len(source) - 1 - i)
    return source[i : i + length], source[i + 1 : i + 1 + length].reshape(-1)


model = RNNModel()
criterion = nn.CrossEntropyLoss()
lr = 20.0
best = math.inf
for epoch in range(6):
    model.train()
    hidden = (torch.zeros(1, 20, 64), torch.zeros(1, 20, 64))
    total = 0.0
    for i in range(0, len(train_data) - 1, BPTT):
        x, y = get_batch(train_data, i)
        model.zero_grad()
        hidden = tuple(h.detach() for h in hidden)
        output, hidden = model(x, hidden)
        loss = criterion(output, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total += loss.item()
    model.eval()
    with torch.no_grad():
        hidden = (torch.zeros(1, 10, 64), torch.zeros(1, 10, 64))
        losses = []
        for i in range(0, len(val_data) - 1, BPTT):
            x, y = get_batch(val_data, i)
            output, hidden = model(x, hidden)
            losses.append(criterion(output, y).item())
    val = sum(losses) / len(losses)
    print(f"epoch {epoch} val loss {val:.3f} ppl {math.exp(val):.1f}")
    if val < best:
        best = val
    else:
        lr /= 4.0
