# expect: nothing
import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = make_friedman1(n_samples=1500, n_features=10, noise=0.3, random_state=2)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
x = (x - x[:1200].mean(0)) / x[:1200].std(0)
y = (y - y[:1200].mean()) / y[:1200].std()
loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1200:], y[1200:]), batch_size=100)

model = nn.Sequential(nn.Linear(10, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
criterion = nn.SmoothL1Loss()
every = 3

backwards = 0
for epoch in range(8):
    model.train()
    total = 0.0
    for inputs, targets in loader:
        loss = criterion(model(inputs), targets)
        (loss / every).backward()
        backwards += 1
        total += loss.item()
        if backwards % every == 0:
            optimizer.step()
            optimizer.zero_grad()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        val = sum(criterion(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print(f"epoch {epoch}: loss {total / len(loader):.4f}, val {val:.4f}")
print(f"{backwards} backward passes, {backwards // every} steps")
