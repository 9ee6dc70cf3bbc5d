# expect: cannot-overfit-batch
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class GaussianNoise(nn.Module):
    """Additive noise as a regulariser, off in evaluation."""

    def __init__(self, std):
        super().__init__()
        self.std = std

    def forward(self, x):
        if self.training:
            x = x + self.std * torch.randn_like(x)
        return x


class NoisyNet(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.LayerNorm(hidden))
        self.noise = GaussianNoise(std=50.0)  # the fault: meant to be 0.05
        self.decoder = nn.Sequential(
            nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)
        )

    def forward(self, x):
        return self.decoder(self.noise(self.encoder(x)))


X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
mean, std = X_train.mean(), X_train.std()
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32)
X_val = torch.tensor((X_val - mean) / std, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X_train, torch.tensor(y_train)), 32, shuffle=True)
val_loader = DataLoader(TensorDataset(X_val, torch.tensor(y_val)), 120)

model = NoisyNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(4):
    model.train()
    train_loss, train_hits = 0.0, 0
    for xb, yb in train_loader:
        logits = model(xb)
        loss = criterion(logits, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(yb)
        train_hits += (logits.argmax(1) == yb).sum().item()
    model.eval()
    with torch.no_grad():
        val_hits = sum((model(xb).argmax(1) == yb).sum().item() for xb, yb in val_loader)
    n, m = len(train_loader.dataset), len(val_loader.dataset)
    print(
        f"epoch {epoch} loss {train_loss / n:.3f} acc {train_hits / n:.3f} val {val_hits / m:.3f}"
    )
