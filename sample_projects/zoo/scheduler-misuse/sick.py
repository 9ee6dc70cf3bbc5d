# expect: scheduler-misuse
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
EPOCHS = 16

images, labels = load_digits().images, load_digits().target
x_train, x_val, y_train, y_val = train_test_split(
    images, labels, test_size=0.2, stratify=labels, random_state=0
)
mean, std = x_train.mean(), x_train.std()


def dataset(x, y):
    return TensorDataset(torch.tensor((x - mean) / std).float().unsqueeze(1), torch.tensor(y))


train_loader = DataLoader(dataset(x_train, y_train), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(dataset(x_val, y_val), batch_size=120)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10)
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = CosineAnnealingLR(optimizer, T_max=EPOCHS)

for epoch in range(EPOCHS):
    model.train()
    total = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        scheduler.step()  # the fault: a schedule in epochs, stepped with every batch
        total += loss.item()
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    lr = scheduler.get_last_lr()[0]
    print(f"epoch {epoch} loss {total / len(train_loader):.3f} val {hits / 360:.3f} lr {lr:.4f}")
