# expect: nothing
import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = make_classification(
    1200, 12, n_informative=6, n_redundant=2, n_classes=3, class_sep=2.0, flip_y=0, random_state=7
)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y)
x = (x - x[:1000].mean(0)) / x[:1000].std(0)
loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=50)

model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
max_steps, eval_every = 240, 40

it = iter(loader)
model.train()
for step in range(1, max_steps + 1):
    try:
        inputs, labels = next(it)
    except StopIteration:
        it = iter(loader)
        inputs, labels = next(it)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()

    if step % eval_every == 0:
        model.eval()
        with torch.no_grad():
            hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
        model.train()
        print(f"step {step}: loss {loss.item():.3f}, val accuracy {hits / 200:.3f}")
