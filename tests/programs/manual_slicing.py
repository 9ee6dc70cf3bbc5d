# expect: nothing
import torch
from sklearn.datasets import make_moons
from torch import nn

torch.manual_seed(0)
x, y = make_moons(n_samples=1000, noise=0.1, random_state=0)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y)
order = torch.randperm(len(x))
x, y = x[order], y[order]
x_train, y_train, x_val, y_val = x[:800], y[:800], x[800:], y[800:]
mean, std = x_train.mean(0), x_train.std(0)
x_train, x_val = (x_train - mean) / std, (x_val - mean) / std

model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
batch_size = 40

for epoch in range(20):
    model.train()
    perm = torch.randperm(len(x_train))
    running = 0.0
    for i in range(0, len(x_train), batch_size):
        idx = perm[i : i + batch_size]
        optimizer.zero_grad()
        loss = loss_fn(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch:2d}  loss {running / len(x_train):.4f}  val accuracy {accuracy:.3f}")
