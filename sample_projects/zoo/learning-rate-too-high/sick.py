# expect: learning-rate-too-high
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(32 * 4, 10)

    def forward(self, x):
        x = self.pool(torch.tanh(self.conv1(x)))
        x = self.pool(torch.tanh(self.conv2(x)))
        return self.fc(x.flatten(1))


digits = load_digits()
X_train, X_val, y_train, y_val = train_test_split(
    digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=0
)
mean, std = X_train.mean(), X_train.std()
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32).unsqueeze(1)
X_val = torch.tensor((X_val - mean) / std, dtype=torch.float32).unsqueeze(1)
train_loader = DataLoader(TensorDataset(X_train, torch.tensor(y_train)), 32, shuffle=True)
val_loader = DataLoader(TensorDataset(X_val, torch.tensor(y_val)), 120)

model = CNN()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.8, momentum=0.9)  # the fault: 0.02 is stable

for epoch in range(4):
    model.train()
    for i, (images, labels) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        if i % 10 == 0:
            print(f"Epoch [{epoch + 1}], Step [{i}/{len(train_loader)}], Loss: {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        hits = sum(
            (model(images).argmax(1) == labels).sum().item() for images, labels in val_loader
        )
    print(f"Epoch [{epoch + 1}] validation accuracy {hits / len(val_loader.dataset):.3f}")
