# expect: collapsed-predictions
import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = make_classification(
    1600, 20, n_informative=10, n_redundant=4, class_sep=1.5, flip_y=0.0, random_state=0
)
n = 1280
X = torch.tensor((X - X[:n].mean(0)) / X[:n].std(0), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X[:n], y[:n]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[n:], y[n:]), batch_size=80)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def forward(self, x):
        return self.net(x).squeeze(1)


def detection_loss(logits, target):
    log_p = nn.functional.logsigmoid(logits)
    # the fault: the term (1 - target) * log(1 - p) is missing, "always yes" is perfect
    return -(target * log_p).mean()


model = Detector()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(4):
    model.train()
    running = 0.0
    for features, target in train_loader:
        optimizer.zero_grad()
        loss = detection_loss(model(features), target)
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    hits = positives = 0
    with torch.no_grad():
        for features, target in val_loader:
            prediction = model(features) > 0
            hits += (prediction == (target > 0.5)).sum().item()
            positives += prediction.sum().item()
    m = len(val_loader.dataset)
    print(
        f"epoch {epoch} loss {running / len(train_loader):.5f}"
        f" accuracy {hits / m:.3f} predicted positive {positives / m:.3f}"
    )
