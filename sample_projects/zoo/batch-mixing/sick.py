# expect: batch-mixing
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class RowCNN(nn.Module):
    """Treat the 8 rows of an image as time steps and convolve along them."""

    def __init__(self, channels=32):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(8, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 3, padding=1),
            nn.ReLU(),
        )
        self.fc = nn.Sequential(nn.Linear(8 * channels, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        batch = x.size(0)
        h = self.conv(x.transpose(1, 2))  # (batch, channels, time)
        h = h.permute(2, 0, 1)  # (time, batch, channels)
        # the fault: time is in front, so this row of features is cut from several samples
        h = h.reshape(batch, -1)
        return self.fc(h)


X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
mean, std = X_train.mean(), X_train.std()
train_set = TensorDataset(
    torch.tensor((X_train - mean) / std, dtype=torch.float32).view(-1, 8, 8), torch.tensor(y_train)
)
val_set = TensorDataset(
    torch.tensor((X_val - mean) / std, dtype=torch.float32).view(-1, 8, 8), torch.tensor(y_val)
)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=32)

model = RowCNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(4):
    model.train()
    train_loss = 0.0
    for rows, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(rows), labels)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    model.eval()
    hits = 0
    with torch.no_grad():
        for rows, labels in val_loader:
            hits += (model(rows).argmax(1) == labels).sum().item()
    print(
        f"epoch {epoch}: {train_loss / len(train_loader):.4f}, accuracy {hits / len(val_set):.3f}"
    )
