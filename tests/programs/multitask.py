# expect: nothing
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(digits.target)
ink = images.mean((1, 2, 3))  # the second task: how much ink the digit took
images = (images - 4.9) / 6.0
ink = ((ink - ink.mean()) / ink.std()).unsqueeze(1)
train_set, val_set = random_split(TensorDataset(images, labels, ink), [1400, 397])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 64), nn.ReLU()
        )
        self.digit = nn.Linear(64, 10)
        self.ink = nn.Linear(64, 1)

    def forward(self, x):
        features = self.trunk(x)
        return self.digit(features), self.ink(features)


model = TwoHeads()
ce, mse = nn.CrossEntropyLoss(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(5):
    model.train()
    for x, digit, amount in train_loader:
        logits, predicted = model(x)
        loss_digit, loss_ink = ce(logits, digit), mse(predicted, amount)
        loss = loss_digit + loss_ink
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    hits, squares = 0, 0.0
    with torch.no_grad():
        for x, digit, amount in val_loader:
            logits, predicted = model(x)
            hits += (logits.argmax(1) == digit).sum().item()
            squares += ((predicted - amount) ** 2).sum().item()
    print(
        f"epoch {epoch}: digit {loss_digit.item():.3f} ink {loss_ink.item():.3f}; "
        f"val accuracy {hits / 397:.3f}, val mse {squares / 397:.3f}"
    )
