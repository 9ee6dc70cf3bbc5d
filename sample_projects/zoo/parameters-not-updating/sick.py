# expect: parameters-not-updating
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)

config = {
    "epochs": 4,
    "batch_size": 32,
    "backbone_lr": 0.0,  # the fault: meant to be 1e-3
    "head_lr": 1e-3,
}


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, kernel_size=3, padding=1, stride=2)
        self.act = nn.GELU()

    def forward(self, x):
        return self.act(self.conv2(self.act(self.conv1(x)))).flatten(1)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Sequential(nn.Linear(24 * 16, 32), nn.GELU(), nn.Linear(32, 10))

    def forward(self, x):
        return self.head(self.backbone(x))


X, y = load_digits(return_X_y=True)
order = torch.randperm(len(X))
X, y = torch.tensor(X, dtype=torch.float32)[order], torch.tensor(y)[order]
n_train = 1440
X = ((X - X[:n_train].mean()) / X[:n_train].std()).view(-1, 1, 8, 8)
train_loader = DataLoader(
    TensorDataset(X[:n_train], y[:n_train]), batch_size=config["batch_size"], shuffle=True
)
val_loader = DataLoader(TensorDataset(X[n_train:], y[n_train:]), batch_size=256)

model = Classifier()
optimizer = torch.optim.Adam(
    [
        {"params": model.backbone.parameters(), "lr": config["backbone_lr"]},
        {"params": model.head.parameters(), "lr": config["head_lr"]},
    ]
)
criterion = nn.CrossEntropyLoss()

for epoch in range(config["epochs"]):
    model.train()
    for xb, yb in train_loader:
        logits = model(xb)
        loss = criterion(logits, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    val_loss, correct = 0.0, 0
    with torch.no_grad():
        for xb, yb in val_loader:
            logits = model(xb)
            val_loss += criterion(logits, yb).item() * len(yb)
            correct += (logits.argmax(1) == yb).sum().item()
    n = len(val_loader.dataset)
    print(f"{epoch}: train {loss.item():.4f} val {val_loss / n:.4f} acc {correct / n:.3f}")
