# expect: noisy-labels
"""Digits, labelled by a hasty hand."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
images, images_val, labels, labels_val = train_test_split(
    images, labels, test_size=0.2, random_state=0, stratify=labels
)
images = torch.tensor((images - 4.88) / 6.02, dtype=torch.float32)
images_val = torch.tensor((images_val - 4.88) / 6.02, dtype=torch.float32)
labels, labels_val = torch.tensor(labels), torch.tensor(labels_val)
wrong = torch.rand(len(labels)) < 0.2  # the fault: one label in five is a random digit
labels = torch.where(wrong, torch.randint(0, 10, labels.shape), labels)

loader = DataLoader(TensorDataset(images, labels), batch_size=24, shuffle=True)
model = nn.Sequential(
    nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        right = model(images_val).argmax(1) == labels_val
    print(f"epoch {epoch}: loss {total / len(loader):.3f}, val {right.float().mean():.3f}")
