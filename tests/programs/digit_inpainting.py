# expect: nothing
"""Filling holes in scikit-learn's handwritten digits: a small convolutional autoencoder sees an image with a square cut
out and the mask, and learns the whole image with the mean squared error (plain script, Adam, halving steps)."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(4)
epochs = 12
batch_size = 32
hole = 3

# data: pixels from 0 to 16
images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
train_idx, valid_idx = train_test_split(torch.arange(len(images)), test_size=0.2, random_state=4)
train_x, valid_x = images[train_idx], images[valid_idx]


def cut_holes(x):
    """Return a mask that is 0 in one random square of each image and 1 elsewhere."""
    top = torch.randint(0, 8 - hole + 1, (len(x), 1, 1, 1))
    left = torch.randint(0, 8 - hole + 1, (len(x), 1, 1, 1))
    row = torch.arange(8).view(1, 1, 8, 1)
    col = torch.arange(8).view(1, 1, 1, 8)
    inside = (row >= top) & (row < top + hole) & (col >= left) & (col < left + hole)
    return 1 - inside.float()


class Inpainter(nn.Module):
    def __init__(self, code=48):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(2, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),  # 4 x 4
            nn.BatchNorm2d(32),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(32 * 16, code),
            nn.LeakyReLU(0.1),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, 32 * 16),
            nn.LeakyReLU(0.1),
            nn.Unflatten(1, (32, 4, 4)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),  # 8 x 8
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 1, 3, padding=1),
        )

    def forward(self, x, mask):
        code = self.encoder(torch.cat([x * mask, mask], dim=1))
        return torch.sigmoid(self.decoder(code))


model = Inpainter()
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)

valid_mask = cut_holes(valid_x)
missing = 1 - valid_mask
mean_image = train_x.mean(dim=0, keepdim=True)
baseline = (((valid_x - mean_image) ** 2 * missing).sum() / missing.sum()).sqrt().item()
print(f"RMSE in the holes with the mean image: {baseline:.4f}")

for epoch in range(epochs):
    model.train()
    perm = torch.randperm(len(train_x))
    running_loss = 0.0
    for i in range(0, len(train_x), batch_size):
        x = train_x[perm[i : i + batch_size]]
        output = model(x, cut_holes(x))
        loss = mse(output, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(x)
    scheduler.step()

    model.eval()
    with torch.no_grad():
        filled = model(valid_x, valid_mask)
    rmse = (((filled - valid_x) ** 2 * missing).sum() / missing.sum()).sqrt().item()
    print(f"{epoch + 1}/{epochs}\ttrain_mse {running_loss / len(train_x):.5f}\tvalid_hole_rmse {rmse:.4f}")
