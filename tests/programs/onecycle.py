# expect: nothing
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = torch.tensor(digits.images, dtype=torch.float32)[order].unsqueeze(1)
labels = torch.tensor(digits.target)[order]
mean, std = images[:1400].mean(), images[:1400].std()
images = (images - mean) / std
train = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=40, shuffle=True)
test = DataLoader(TensorDataset(images[1400:], labels[1400:]), batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, stride=2, padding=1),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(2),
    nn.Flatten(),
    nn.Linear(128, 10),
)
epochs = 4
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
scheduler = OneCycleLR(optimizer, max_lr=0.1, total_steps=epochs * len(train))

for epoch in range(epochs):
    model.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in test) / 397
    lr = scheduler.get_last_lr()[0]
    print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {accuracy:.3f}, lr {lr:.5f}")
