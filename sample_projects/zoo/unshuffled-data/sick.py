# expect: unshuffled-data
"""Digits, collected class by class as from one folder per class."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset

torch.manual_seed(0)

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
images = (images - 0.3) / 0.38
labels = torch.tensor(digits.target)

train_parts, val_parts = [], []
for digit in range(10):
    rows = (labels == digit).nonzero().squeeze(1)
    train_parts.append(TensorDataset(images[rows[:140]], labels[rows[:140]]))
    val_parts.append(TensorDataset(images[rows[140:]], labels[rows[140:]]))

# the fault: no shuffle=True, and the classes come one after the other
train_loader = DataLoader(ConcatDataset(train_parts), batch_size=32)
val_loader = DataLoader(ConcatDataset(val_parts), batch_size=64)

model = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 16, kernel_size=3, stride=2, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 4 * 4, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()

for epoch in range(5):
    model.train()
    running_loss = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()

    model.eval()
    correct = total = 0
    with torch.no_grad():
        for inputs, targets in val_loader:
            correct += (model(inputs).argmax(1) == targets).sum().item()
            total += len(targets)
    mean_loss = running_loss / len(train_loader)
    print(f"epoch {epoch + 1}: loss {mean_loss:.3f}, accuracy {correct / total:.3f}")
