# expect: nothing
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = (torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) - 4.9) / 6.0
labels = torch.tensor(digits.target)
order = torch.randperm(len(labels))
train, val = order[:1400], order[1400:]


def loader(indices, batch_size):
    data = TensorDataset(images[indices], labels[indices])
    return DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=True)


# half of every step is rehearsal of the old classes, half is the new ones
old_loader = loader(train[labels[train] < 5], 16)
new_loader = loader(train[labels[train] >= 5], 16)

model = nn.Sequential(
    nn.Conv2d(1, 24, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24 * 9, 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(4):
    model.train()
    for (x_old, y_old), (x_new, y_new) in zip(old_loader, new_loader):
        optimizer.zero_grad()
        loss = 0.5 * criterion(model(x_old), y_old) + 0.5 * criterion(model(x_new), y_new)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(images[val]).argmax(1) == labels[val]).float().mean()
    print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {accuracy.item():.3f}")
