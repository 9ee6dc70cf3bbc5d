# expect: nothing
"""Mixup: soft targets, a cosine schedule, weight averaging at the end."""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.images / 16.0, dtype=torch.float32).unsqueeze(1)
x = (x - x.mean()) / x.std()
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(512, 10),
)
averaged = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)
swa = SWALR(optimizer, swa_lr=0.005, anneal_epochs=2)
beta = torch.distributions.Beta(0.4, 0.4)


def score(net):
    net.eval()
    with torch.no_grad():
        return sum((net(a).argmax(1) == b).sum().item() for a, b in val_loader) / 397


for epoch in range(8):
    model.train()
    for images, labels in loader:
        lam = beta.sample()
        other = torch.randperm(len(images))
        mixed = lam * images + (1 - lam) * images[other]
        hot = F.one_hot(labels, 10).float()
        soft = lam * hot + (1 - lam) * hot[other]
        loss = F.cross_entropy(model(mixed), soft)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch >= 5:
        averaged.update_parameters(model)
        swa.step()
    else:
        scheduler.step()
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {score(model):.3f}")
update_bn(loader, averaged)
print(f"averaged accuracy {score(averaged):.3f}")
