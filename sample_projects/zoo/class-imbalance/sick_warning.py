# expect: class-imbalance
"""Detect a heartbeat arrhythmia in short synthetic traces."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split


class Heartbeats(Dataset):
    """Normal beats, and one in sixteen with a late second wave."""

    def __init__(self, n_normal=2250, n_late=150, length=48):
        generator = torch.Generator().manual_seed(0)
        time = torch.linspace(0, 1, length)
        shift = torch.cat([torch.zeros(n_normal), torch.full((n_late,), 0.2)])
        shift = shift + 0.03 * torch.randn(len(shift), generator=generator)
        first = torch.exp(-(((time - 0.3) / 0.05) ** 2))
        second = torch.exp(-(((time - 0.55 - shift.unsqueeze(1)) / 0.08) ** 2))
        traces = first + 0.6 * second
        traces = traces + 0.1 * torch.randn(traces.shape, generator=generator)
        self.traces = (traces - traces.mean()) / traces.std()
        self.labels = torch.cat([torch.zeros(n_normal), torch.ones(n_late)]).long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.traces[index].unsqueeze(0), self.labels[index]


torch.manual_seed(0)
train_set, val_set = random_split(Heartbeats(), [2000, 400])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

model = nn.Sequential(
    nn.Conv1d(1, 8, kernel_size=7, stride=2, padding=3),
    nn.ReLU(),
    nn.Conv1d(8, 16, kernel_size=5, stride=2, padding=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 12, 2),
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()  # the fault: fifteen normal beats to one, and no weights

for epoch in range(3):
    model.train()
    for traces, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(traces), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    correct, val_loss = 0, 0.0
    with torch.no_grad():
        for traces, labels in val_loader:
            logits = model(traces)
            val_loss += criterion(logits, labels).item() / len(val_loader)
            correct += (logits.argmax(1) == labels).sum().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val {val_loss:.4f} acc {correct / 400:.3f}")
