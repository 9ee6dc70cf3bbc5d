# expect: nothing
"""CTC: sequences of noisy frames are read into shorter sequences of symbols of unequal length."""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

SYMBOLS = 6


class Strokes(Dataset):
    def __init__(self, count, seed):
        g = torch.Generator().manual_seed(seed)
        shapes = torch.randn(SYMBOLS, 12, generator=torch.Generator().manual_seed(7))
        self.items = []
        for _ in range(count):
            label = torch.randint(0, SYMBOLS, (int(torch.randint(2, 6, (1,), generator=g)),), generator=g)
            frames = []
            for s in label:
                frames += [shapes[s]] * int(torch.randint(2, 4, (1,), generator=g)) + [torch.zeros(12)]
            frames = torch.stack(frames)
            self.items.append((frames + 0.2 * torch.randn(frames.shape, generator=g), label + 1))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    frames, labels = zip(*batch)
    lengths = torch.tensor([len(f) for f in frames])
    sizes = torch.tensor([len(t) for t in labels])
    return pad_sequence(frames, batch_first=True), lengths, torch.cat(labels), sizes


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(12, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, SYMBOLS + 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0]).log_softmax(-1)


torch.manual_seed(0)
loader = DataLoader(Strokes(1000, 0), batch_size=20, shuffle=True, collate_fn=collate)
val = DataLoader(Strokes(200, 1), batch_size=50, collate_fn=collate)
model = Reader()
criterion = nn.CTCLoss(blank=0, zero_infinity=True)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(5):
    model.train()
    for x, lengths, labels, sizes in loader:
        loss = criterion(model(x).transpose(0, 1), labels, lengths, sizes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        total = sum(criterion(model(x).transpose(0, 1), t, n, s).item() for x, n, t, s in val)
    print(f"epoch {epoch} loss {loss.item():.3f} val {total / len(val):.3f}")
