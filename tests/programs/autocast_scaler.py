# expect: nothing
import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
x, y = make_classification(
    2000, 20, n_informative=8, n_redundant=4, n_classes=3, class_sep=2.0, flip_y=0, random_state=0
)
data = TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))
train_set, val_set = random_split(data, [1600, 400])
train_x = torch.stack([sample for sample, _ in train_set])
mean, std = train_x.mean(0), train_x.std(0)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=200)

model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)
)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scaler = torch.amp.GradScaler("cpu")

for epoch in range(6):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad(set_to_none=True)
        with torch.amp.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(model((x - mean) / std), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    model.eval()
    hits = 0
    with torch.no_grad(), torch.amp.autocast("cpu", dtype=torch.bfloat16):
        for x, y in val_loader:
            hits += (model((x - mean) / std).argmax(1) == y).sum().item()
    print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {hits / len(val_set):.3f}")
