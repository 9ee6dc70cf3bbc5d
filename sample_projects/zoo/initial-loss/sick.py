# expect: initial-loss
"""Five kinds of events, unevenly frequent; the head's bias starts from their frequencies."""

import torch
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = make_blobs([600, 480, 360, 240, 120], n_features=8, cluster_std=5.0, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_val = torch.tensor(scaler.transform(X_val), dtype=torch.float32)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)


class EventClassifier(nn.Module):
    def __init__(self, class_percentages):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 64), nn.ReLU())
        self.head = nn.Linear(64, 5)
        with torch.no_grad():
            self.head.bias.copy_(class_percentages)  # the fault: not the logarithm of the shares

    def forward(self, x):
        return self.head(self.body(x))


percentages = 100 * torch.bincount(y_train) / len(y_train)
model = EventClassifier(percentages)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()

for epoch in range(5):
    model.train()
    for step, (features, target) in enumerate(loader):
        optimizer.zero_grad()
        loss = criterion(model(features), target)
        loss.backward()
        optimizer.step()
        if step % 15 == 0:
            print(f"epoch {epoch} step {step:2d} loss {loss.item():.3f}")
    model.eval()
    with torch.no_grad():
        val_accuracy = (model(X_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch} val accuracy {val_accuracy:.3f}")
