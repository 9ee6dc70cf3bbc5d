# expect: nothing
"""BYOL: an online network predicts what a slowly moving target network makes of another view."""
import copy

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class TwoViews(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def view(self, image):
        image = torch.roll(image, int(torch.randint(-1, 2, (1,))), dims=-1)
        return image + 0.1 * torch.randn_like(image)

    def __getitem__(self, i):
        return self.view(self.images[i]), self.view(self.images[i])


def mlp(a, b, c):
    return nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(inplace=True), nn.Linear(b, c))


images = torch.tensor(load_digits().images / 16.0, dtype=torch.float32).unsqueeze(1)
images = (images - images.mean()) / images.std()
loader = DataLoader(TwoViews(images[:1500]), batch_size=64, shuffle=True, drop_last=True)
online = nn.Sequential(nn.Flatten(), mlp(64, 128, 64), mlp(64, 128, 32))
predictor = mlp(32, 64, 32)
target = copy.deepcopy(online)
for p in target.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.Adam([*online.parameters(), *predictor.parameters()], lr=1e-3, weight_decay=1e-6)


def regression(p, z):
    return 2 - 2 * F.cosine_similarity(p, z.detach(), dim=1).mean()


for epoch in range(6):
    online.train(), predictor.train(), target.train()
    for one, two in loader:
        with torch.no_grad():
            t1, t2 = target(one), target(two)
        loss = regression(predictor(online(one)), t2) + regression(predictor(online(two)), t1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for p, q in zip(online.parameters(), target.parameters()):
                q.lerp_(p, 0.01)
    print(f"epoch {epoch} loss {loss.item():.4f}")
