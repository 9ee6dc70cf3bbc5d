# expect: nothing
import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True, scaled=False)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.25, random_state=1)
scale_x = StandardScaler().fit(x_train)
scale_y = StandardScaler().fit(y_train[:, None])


def loader(x, y, **options):
    x = torch.tensor(scale_x.transform(x), dtype=torch.float32)
    y = torch.tensor(scale_y.transform(y[:, None]), dtype=torch.float32)
    return DataLoader(TensorDataset(x, y), batch_size=16, **options)


train_loader, val_loader = loader(x_train, y_train, shuffle=True), loader(x_val, y_val)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
mse = nn.MSELoss()


def validate():
    model.eval()
    with torch.no_grad():
        losses = [mse(model(x), y).item() for x, y in val_loader]
    return sum(losses) / len(losses)


best = validate()  # the score to beat
print(f"before training: val mse {best:.3f}")
for epoch in range(10):
    model.train()
    for x, y in train_loader:
        loss = mse(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    score = validate()
    best = min(best, score)
    print(f"epoch {epoch}: val mse {score:.3f} (best {best:.3f})")
