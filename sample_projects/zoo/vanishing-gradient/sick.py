# expect: vanishing-gradient
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def deep_mlp(n_in, width, n_out, depth):
    layers = [nn.Linear(n_in, width), nn.Sigmoid()]
    for _ in range(depth - 2):
        # the fault: each sigmoid passes on at most a quarter of the gradient
        layers += [nn.Linear(width, width), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(width, n_out))


X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
mean, std = X_train.mean(), X_train.std()
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32)
X_test = torch.tensor((X_test - mean) / std, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X_train, torch.tensor(y_train)), 32, shuffle=True)
test_loader = DataLoader(TensorDataset(X_test, torch.tensor(y_test)), 90)

model = deep_mlp(64, 64, 10, depth=12)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(4):
    model.train()
    for step, (x, y) in enumerate(train_loader):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 15 == 0:
            first, last = model[0].weight.grad.norm(), model[-1].weight.grad.norm()
            print(f"{epoch}/{step} loss {loss.item():.4f} gradients {first:.1e} ... {last:.1e}")
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    print(f"epoch {epoch} test accuracy {correct / len(test_loader.dataset):.3f}")
