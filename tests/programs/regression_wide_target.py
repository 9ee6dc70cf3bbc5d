# expect: nothing
import torch
from sklearn.datasets import make_friedman2
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = make_friedman2(n_samples=1500, noise=20.0, random_state=0)
print(f"targets reach from {y.min():.0f} to {y.max():.0f}")
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
x_mean, x_std = x[:1200].mean(0), x[:1200].std(0)
y_mean, y_std = y[:1200].mean(), y[:1200].std()
x, z = (x - x_mean) / x_std, (y - y_mean) / y_std  # the network learns z
train_loader = DataLoader(TensorDataset(x[:1200], z[:1200]), batch_size=40, shuffle=True)
x_val, y_val = x[1200:], y[1200:]

model = nn.Sequential(nn.Linear(4, 32), nn.ELU(), nn.Linear(32, 32), nn.ELU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()

for epoch in range(10):
    model.train()
    total = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        predicted = model(x_val) * y_std + y_mean  # back in the units of y
        rmse = (predicted - y_val).pow(2).mean().sqrt()
    print(f"epoch {epoch}: loss {total / len(train_loader):.4f}, val rmse {rmse.item():.1f}")
