# expect: train-mode-in-validation
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.fc1 = nn.Linear(16 * 16, 64)
        self.dropout = nn.Dropout(0.4)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.conv(x).flatten(1)
        return self.fc2(self.dropout(torch.relu(self.fc1(x))))


X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
mean, std = X_train.mean(), X_train.std()


def dataset(X, y):
    X = torch.tensor((X - mean) / std, dtype=torch.float32)
    return TensorDataset(X.view(-1, 1, 8, 8), torch.tensor(y))


train_loader = DataLoader(dataset(X_train, y_train), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(dataset(X_val, y_val), batch_size=32)
net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)

for epoch in range(4):
    net.train()
    for i, (inputs, labels) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        if i % 15 == 0:
            print(f"[{epoch + 1}, {i:3d}] loss: {loss.item():.3f}")

    # the fault: no net.eval(), so dropout is on and the BatchNorm statistics learn from this
    val_loss, correct = 0.0, 0
    with torch.no_grad():
        for inputs, labels in val_loader:
            outputs = net(inputs)
            val_loss += criterion(outputs, labels).item()
            correct += (outputs.argmax(1) == labels).sum().item()
    accuracy = correct / len(val_loader.dataset)
    print(f"epoch {epoch + 1} val loss {val_loss / len(val_loader):.4f} accuracy {accuracy:.3f}")
