# expect: recompilation
"""Random walks of different lengths: does a walk end above zero more often than below? With a compiled network."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset


class Walks(Dataset):
    def __init__(self, n, seed):
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(10, 200, (n,), generator=generator)
        drift = torch.randint(0, 2, (n,), generator=generator)
        self.walks = [
            torch.randn(int(k), 2, generator=generator) + (0.6 * d - 0.3)
            for k, d in zip(lengths, drift)
        ]
        self.labels = drift

    def __len__(self):
        return len(self.walks)

    def __getitem__(self, i):
        return self.walks[i], self.labels[i]


def collate(samples):
    walks, labels = zip(*samples)
    return pad_sequence(walks, batch_first=True), torch.stack(labels)


class ConvNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.conv1 = nn.Conv1d(2, hidden, 5, padding=2)
        self.conv2 = nn.Conv1d(hidden, hidden, 5, padding=2)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x):
        x = torch.relu(self.conv1(x.transpose(1, 2)))
        return self.head(torch.relu(self.conv2(x)).mean(dim=2))


torch.manual_seed(0)
train_loader = DataLoader(Walks(1600, 1), batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Walks(400, 2), batch_size=50, collate_fn=collate)
net = ConvNet()
model = torch.compile(
    net, backend="eager", dynamic=False
)  # the fault: each length is compiled anew
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)

for epoch in range(2):
    model.train()
    total = 0.0
    for walks, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(walks), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        hits = sum((model(walks).argmax(1) == labels).sum().item() for walks, labels in val_loader)
    print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, accuracy {hits / 400:.3f}")
