# expect: parameters-not-in-optimizer
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(nn.Linear(32 * 2 * 2, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
mean, std = X_train.mean(), X_train.std()


def to_dataset(X, y):
    images = torch.tensor((X - mean) / std, dtype=torch.float32).view(-1, 1, 8, 8)
    return TensorDataset(images, torch.tensor(y))


train_loader = DataLoader(to_dataset(X_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(to_dataset(X_val, y_val), batch_size=128)

model = DigitNet()
criterion = nn.CrossEntropyLoss()
# the fault: only the head is handed over, the convolutions keep their random weights
optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-3)

for epoch in range(4):
    model.train()
    running = 0.0
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        running += loss.item()

    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in val_loader:
            correct += (model(images).argmax(1) == labels).sum().item()
    accuracy = correct / len(val_loader.dataset)
    print(f"epoch {epoch + 1} train loss {running / len(train_loader):.4f} val acc {accuracy:.3f}")
