# expect: nothing
"""Recognise what somebody is doing from a wrist-worn accelerometer and gyroscope; recordings differ in length."""

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

ACTIVITIES = ["sitting", "walking", "running", "stairs", "cycling", "sweeping"]
#          steps per second, swing of the arm, harmonic, rotation
MOTION = {
    "sitting": (0.3, 0.15, 0.1, 0.2),
    "walking": (1.7, 0.8, 0.5, 0.7),
    "running": (2.6, 1.8, 0.7, 1.1),
    "stairs": (1.4, 0.9, 0.9, 0.6),
    "cycling": (1.2, 0.35, 0.2, 0.25),
    "sweeping": (0.9, 1.0, 0.3, 1.6),
}
RATE = 10  # samples per second
BATCH_SIZE = 32
EPOCHS = 9


def record(activity, person, rng):
    """Return one recording: time x (3 accelerations, 3 angular velocities)."""
    length = rng.integers(20, 40)
    t = np.arange(length) / RATE
    speed, swing, harmonic, rotation = MOTION[activity]
    omega = 2 * np.pi * speed * person["pace"] * rng.normal(1, 0.08)
    phase = rng.uniform(0, 2 * np.pi)
    swing = swing * person["vigour"] * rng.lognormal(0, 0.2)
    base = np.sin(omega * t + phase) + harmonic * np.sin(2 * omega * t + 2 * phase + 0.5)
    gyro = rotation * person["vigour"] * np.cos(omega * t + phase)
    axes = person["axes"] + rng.normal(0, 0.15, 6)
    signal = np.stack([swing * base] * 3 + [gyro] * 3, axis=1) * axes
    signal[:, :3] += person["gravity"] + rng.normal(0, 0.1, 3)
    return (signal + rng.normal(0, 0.35, signal.shape)).astype(np.float32)


def collect(people, per_person, rng):
    recordings, labels = [], []
    for _ in range(people):
        person = {
            "pace": rng.normal(1, 0.08),
            "vigour": rng.lognormal(0, 0.15),
            "axes": np.array([1.0, 0.6, 0.4, 0.9, 0.5, 0.7]) * rng.normal(1, 0.15, 6),
            "gravity": np.array([0.2, -0.9, 0.3]) + rng.normal(0, 0.15, 3),
        }
        for _ in range(per_person):
            label = rng.integers(len(ACTIVITIES))
            recordings.append(record(ACTIVITIES[label], person, rng))
            labels.append(int(label))
    return recordings, labels


class ActivityDataset(Dataset):
    def __init__(self, recordings, labels, mean, std):
        self.recordings = [torch.from_numpy((r - mean) / std) for r in recordings]
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        return self.recordings[idx], self.labels[idx]


def collate(batch):
    sequences, labels = zip(*batch)
    lengths = torch.tensor([len(s) for s in sequences])
    return pad_sequence(sequences, batch_first=True), lengths, torch.tensor(labels)


class ActivityGRU(nn.Module):
    def __init__(self, channels=6, hidden=48, classes=len(ACTIVITIES)):
        super().__init__()
        self.gru = nn.GRU(channels, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(2 * hidden, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, h = self.gru(packed)
        return self.fc(self.dropout(torch.cat([h[0], h[1]], dim=1)))


def evaluate(model, loader):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, lengths, y in loader:
            correct += (model(x, lengths).argmax(dim=1) == y).sum().item()
            total += y.size(0)
    return correct / total


def main():
    torch.manual_seed(42)
    rng = np.random.default_rng(42)
    # nobody is in both parts
    train_x, train_y = collect(50, 30, rng)
    val_x, val_y = collect(14, 30, rng)
    everything = np.concatenate(train_x)
    mean, std = everything.mean(axis=0), everything.std(axis=0)
    train_loader = DataLoader(
        ActivityDataset(train_x, train_y, mean, std), batch_size=BATCH_SIZE, shuffle=True, collate_fn=collate
    )
    val_loader = DataLoader(ActivityDataset(val_x, val_y, mean, std), batch_size=64, collate_fn=collate)

    model = ActivityGRU()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(1, EPOCHS + 1):
        model.train()
        running_loss = 0.0
        for x, lengths, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x, lengths), y)
            loss.backward()
            clip_grad_norm_(model.parameters(), max_norm=5.0)
            optimizer.step()
            running_loss += loss.item()
        accuracy = evaluate(model, val_loader)
        print(f"Epoch {epoch}/{EPOCHS} - loss: {running_loss / len(train_loader):.4f} - val_accuracy: {accuracy:.4f}")


if __name__ == "__main__":
    main()
