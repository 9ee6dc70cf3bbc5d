# expect: nothing
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
ACCUMULATE = 4

images, labels = load_digits().images, load_digits().target
x_train, x_test, y_train, y_test = train_test_split(images, labels, random_state=3, stratify=labels)
mean, std = x_train.mean(), x_train.std()


def tensors(x, y):
    x = torch.tensor((x - mean) / std, dtype=torch.float32).unsqueeze(1)
    return TensorDataset(x, torch.tensor(y))


loader = DataLoader(tensors(x_train, y_train), batch_size=8, shuffle=True, drop_last=True)
test_loader = DataLoader(tensors(x_test, y_test), batch_size=64)
model = nn.Sequential(
    nn.Conv2d(1, 24, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24 * 9, 10)
)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(4):
    model.train()
    optimizer.zero_grad()
    running = 0.0
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y) / ACCUMULATE
        loss.backward()
        running += loss.item() * ACCUMULATE
        if (i + 1) % ACCUMULATE == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=2.0)
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch}: loss {running / len(loader):.3f}, test {hits / len(y_test):.3f}")
