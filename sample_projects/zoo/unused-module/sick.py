# expect: unused-module
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.relu = nn.ReLU()
        self.fc1 = nn.Linear(16 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.pool(self.relu(self.conv2(x)))
        # the fault: conv3 was forgotten
        x = self.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        right = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(right).mean().item()


torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
shift, scale = X_train.mean(), X_train.std()


def loader(X, y, **kwargs):
    X = torch.from_numpy((X - shift) / scale).float().reshape(-1, 1, 8, 8)
    return DataLoader(TensorDataset(X, torch.from_numpy(y)), batch_size=32, **kwargs)


train_loader, test_loader = loader(X_train, y_train, shuffle=True), loader(X_test, y_test)
model = ConvNet()
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for epoch in range(4):
    model.train()
    for i, (inputs, targets) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
        if i % 15 == 0:
            print(f"epoch {epoch} batch {i} loss {loss.item():.4f}")
    print(f"epoch {epoch} test accuracy {accuracy(model, test_loader):.3f}")
