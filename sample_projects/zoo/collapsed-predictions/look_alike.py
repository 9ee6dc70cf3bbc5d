# expect: nothing
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 10)
        # The head starts small: the first steps predict one class for all, then it learns.
        nn.init.normal_(self.head.weight, std=0.005)
        nn.init.constant_(self.head.bias, 0.0)
        self.head.bias.data[0] = 0.3

    def forward(self, x):
        return self.head(self.body(x))


torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=2)
mean, std = X_train.mean(), X_train.std()
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32)
X_val = torch.tensor((X_val - mean) / std, dtype=torch.float32)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True, drop_last=True)

net = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(4):
    net.train()
    for step, (xb, yb) in enumerate(loader):
        logits = net(xb)
        loss = loss_fn(logits, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 4 == 0 and epoch == 0:
            classes = logits.argmax(1).unique().numel()
            print(f"step {step} loss {loss.item():.4f} classes predicted {classes}")
    net.eval()
    with torch.no_grad():
        accuracy = (net(X_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} validation accuracy {accuracy:.3f}")
