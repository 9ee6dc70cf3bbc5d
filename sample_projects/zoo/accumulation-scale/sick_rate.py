# expect: accumulation-scale
import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = make_friedman1(n_samples=2000, n_features=10, noise=0.3, random_state=2)
x, y = torch.tensor(x).float(), torch.tensor(y).float().unsqueeze(1)
x = (x - x[:1600].mean(0)) / x[:1600].std(0)
y = (y - y[:1600].mean()) / y[:1600].std()
loader = DataLoader(TensorDataset(x[:1600], y[:1600]), batch_size=8, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1600:], y[1600:]), batch_size=100)

model = nn.Sequential(nn.Linear(10, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.MSELoss()
accumulate = 8

for epoch in range(4):
    model.train()
    total = 0.0
    for i, (inputs, targets) in enumerate(loader):
        loss = criterion(model(inputs), targets)
        loss.backward()  # the fault: not (loss / accumulate).backward()
        total += loss.item()
        if i % accumulate == accumulate - 1:
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        val = sum(criterion(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print(f"epoch {epoch}: loss {total / len(loader):.4f}, val {val:.4f}")
