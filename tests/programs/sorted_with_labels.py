# expect: nothing
"""An encoder whose forward sorts by length and keeps the order for itself; the loss gets it from the module."""
import torch
from torch import nn
from torch.utils.data import DataLoader


class SortingClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 16)
        self.rnn = nn.LSTM(16, 24, batch_first=True)
        self.fc = nn.Linear(24, 3)

    def forward(self, tokens, lengths, labels):
        lengths, order = torch.sort(lengths, descending=True)
        tokens, labels = tokens.index_select(0, order), labels.index_select(0, order)
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(tokens), lengths.tolist(), batch_first=True)
        _, (h, _) = self.rnn(packed)
        return self.fc(h[-1]), labels


def line():
    k = int(torch.randint(3, ()))
    n = int(torch.randint(5, 15, ()))
    s = torch.randint(4, 12, (n,))
    s[torch.randint(n, ())] = k + 1
    return s, k


def collate(lines):
    tokens = nn.utils.rnn.pad_sequence([s for s, _ in lines], batch_first=True)
    return {"tokens": tokens, "lengths": torch.tensor([len(s) for s, _ in lines]), "labels": torch.tensor([k for _, k in lines])}


torch.manual_seed(0)
train = DataLoader([line() for _ in range(1600)], batch_size=40, shuffle=True, collate_fn=collate)
val = collate([line() for _ in range(300)])
net = SortingClassifier()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(7):
    net.train()
    for batch in train:
        logits, labels = net(**batch)
        picked = logits.log_softmax(1).gather(1, labels[:, None])
        loss = -picked.mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        logits, labels = net(**val)
    print(epoch, f"{loss.item():.3f} val acc {(logits.argmax(1) == labels).float().mean():.3f}")
