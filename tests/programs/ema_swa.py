# expect: nothing
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = (torch.tensor(digits.images, dtype=torch.float32)[order].unsqueeze(1) - 4.9) / 6.0
labels = torch.tensor(digits.target)[order]
train_loader = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(images[1400:], labels[1400:]), batch_size=128)

model = nn.Sequential(
    nn.Conv2d(1, 24, 3),
    nn.GELU(),
    nn.Flatten(),
    nn.Linear(24 * 36, 48),
    nn.LayerNorm(48),
    nn.GELU(),
    nn.Linear(48, 10),
)
ema_model = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98))
swa_model = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
swa_scheduler = SWALR(optimizer, swa_lr=0.02, anneal_epochs=2)
swa_start = 3


def accuracy(net):
    net.eval()
    with torch.no_grad():
        return sum((net(x).argmax(1) == y).sum().item() for x, y in val_loader) / 397


for epoch in range(6):
    model.train()
    for x, y in train_loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema_model.update_parameters(model)
    if epoch >= swa_start:
        swa_model.update_parameters(model)
        swa_scheduler.step()
    print(
        f"epoch {epoch}: loss {loss.item():.3f}, "
        f"val {accuracy(model):.3f}, val of the average {accuracy(ema_model):.3f}"
    )
print(f"swa {accuracy(swa_model):.3f}")
