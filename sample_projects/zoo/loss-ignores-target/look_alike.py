# expect: nothing
"""A denoising autoencoder of digits: the loader gives labels, too, but nothing needs them."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)

X, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(X, dtype=torch.float32) / 16, torch.tensor(y))
train_set, val_set = random_split(data, [1500, len(data) - 1500])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)

model = nn.Sequential(
    nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 32), nn.GELU(), nn.Linear(32, 64)
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(6):
    model.train()
    for images, _ in train_loader:
        noisy = images + 0.1 * torch.randn_like(images)
        loss = nn.functional.mse_loss(model(noisy), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        error = sum(nn.functional.mse_loss(model(x), x).item() for x, _ in val_loader) / len(
            val_loader
        )
    print(f"epoch {epoch}: loss {loss.item():.4f}, validation {error:.4f}")
