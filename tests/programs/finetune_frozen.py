# expect: nothing
import io

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = (torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) - 4.9) / 6.0
labels = torch.tensor(digits.target)


def make_backbone():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 32, 3, stride=2), nn.ReLU()
    )


def make_classifier(backbone):
    return nn.Sequential(backbone, nn.Flatten(), nn.Linear(32 * 9, 5))


def loaders(classes):
    chosen = torch.where((labels >= classes[0]) & (labels <= classes[-1]))[0]
    chosen = chosen[torch.randperm(len(chosen))]
    data = [TensorDataset(images[i], labels[i] - classes[0]) for i in (chosen[:700], chosen[700:])]
    return DataLoader(data[0], batch_size=20, shuffle=True), DataLoader(data[1], batch_size=100)


def fit(model, parameters, classes, epochs, lr):
    train, val = loaders(classes)
    optimizer = torch.optim.Adam(parameters, lr=lr)
    for epoch in range(epochs):
        model.train()
        for x, y in train:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = [(model(x).argmax(1) == y).float().mean().item() for x, y in val]
        print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {sum(hits) / len(hits):.3f}")


print("pretraining on 0-4")
pretrained = make_classifier(make_backbone())
fit(pretrained, pretrained.parameters(), range(5), epochs=4, lr=1e-3)
checkpoint = io.BytesIO()
torch.save(pretrained[0].state_dict(), checkpoint)

print("a new head for 5-9, the backbone frozen")
checkpoint.seek(0)
backbone = make_backbone()
backbone.load_state_dict(torch.load(checkpoint))
backbone.requires_grad_(False)
model = make_classifier(backbone)
fit(model, model[-1].parameters(), range(5, 10), epochs=6, lr=3e-3)
