# expect: nothing
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def conv_block(n_in, n_out):
    # BatchNorm couples the samples of a batch, as it should in training
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )


model = nn.Sequential(
    conv_block(1, 16),
    nn.MaxPool2d(2),
    conv_block(16, 32),
    nn.Flatten(),
    nn.Linear(32 * 16, 64, bias=False),
    nn.BatchNorm1d(64),
    nn.ReLU(),
    nn.Linear(64, 10),
)

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
mean, std = X_train.mean(), X_train.std()
x_train = torch.tensor((X_train - mean) / std, dtype=torch.float32).view(-1, 1, 8, 8)
x_val = torch.tensor((X_val - mean) / std, dtype=torch.float32).view(-1, 1, 8, 8)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True, drop_last=True)

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for epoch in range(3):
    model.train()
    for images, labels in loader:
        loss = criterion(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch} last loss {loss.item():.4f} validation accuracy {accuracy:.3f}")
