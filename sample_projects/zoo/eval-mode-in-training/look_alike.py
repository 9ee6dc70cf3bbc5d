# expect: nothing
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_backbone():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 3, padding=1),
        nn.BatchNorm2d(48),
        nn.ReLU(),
        nn.Flatten(),
    )


class FineTuned(nn.Module):
    """A new head on a frozen backbone, whose BatchNorm keeps the pretrained statistics."""

    def __init__(self, pretrained_weights, n_classes):
        super().__init__()
        self.backbone = make_backbone()
        self.backbone.load_state_dict(pretrained_weights)
        self.backbone.requires_grad_(False)
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(48 * 16, n_classes))

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, x):
        return self.head(self.backbone(x))


def fit(name, model, train_set, val_set, epochs, lr):
    train_loader = DataLoader(train_set, batch_size=16, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=90)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trainable, lr=lr)
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"{name} {epoch}: loss {loss.item():.4f}, accuracy {hits / len(val_set):.3f}")


torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
order = torch.randperm(len(X))
X, y = torch.tensor(X).float()[order], torch.tensor(y)[order]
low, high = (y < 5).nonzero().squeeze(1), (y >= 5).nonzero().squeeze(1)
mean, std = X[low[:720]].mean(), X[low[:720]].std()
X = ((X - mean) / std).view(-1, 1, 8, 8)

# Pretrain on the digits 0 to 4, then learn 5 to 9 on top.
source = nn.Sequential(make_backbone(), nn.Linear(48 * 16, 5))
train = TensorDataset(X[low[:720]], y[low[:720]])
fit("pretrain", source, train, TensorDataset(X[low[720:]], y[low[720:]]), epochs=2, lr=1e-3)

model = FineTuned(source[0].state_dict(), n_classes=5)
train = TensorDataset(X[high[:720]], y[high[:720]] - 5)
fit("finetune", model, train, TensorDataset(X[high[720:]], y[high[720:]] - 5), epochs=3, lr=2e-3)
