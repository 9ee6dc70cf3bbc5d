# expect: softmax-into-cross-entropy
"""Four kinds of waves and a 1-d network; batches are drawn by hand."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


def make_waves(n, length=32):
    kind = torch.randint(4, (n,))
    angle = torch.arange(length) * (0.3 + 0.4 * kind[:, None]) + 2 * math.pi * torch.rand(n, 1)
    wave = 1.41 * torch.sin(angle) + 0.2 * torch.randn(n, length)
    return wave.unsqueeze(1), kind


X_train, y_train = make_waves(1600)
X_val, y_val = make_waves(400)


class WaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 7, padding=3)
        self.conv2 = nn.Conv1d(16, 16, 5, stride=2, padding=2)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        return self.fc(x.amax(dim=2))


model = WaveNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
batch_size = 32
for epoch in range(4):
    model.train()
    permutation = torch.randperm(len(X_train))
    total = 0.0
    for i in range(0, len(X_train), batch_size):
        rows = permutation[i : i + batch_size]
        probabilities = F.softmax(model(X_train[rows]), dim=1)
        loss = F.cross_entropy(probabilities, y_train[rows])  # the fault: these are no logits
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    model.eval()
    with torch.no_grad():
        accuracy = (model(X_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {total / len(X_train):.3f}, accuracy {accuracy:.3f}")
