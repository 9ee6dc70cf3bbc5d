# expect: symmetric-initialisation
"""Continue sine waves of random frequency with a GRU."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
speed, phase = torch.rand(2000, 1) * 0.5 + 0.1, torch.rand(2000, 1) * 6.28
waves = torch.sin(speed * torch.arange(25) + phase).unsqueeze(2) + 0.05 * torch.randn(2000, 25, 1)
data = TensorDataset(waves[:1600, :24], waves[:1600, 24])
loader = DataLoader(data, batch_size=32, shuffle=True)


class Next(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 32, batch_first=True)
        self.head = nn.Linear(32, 1)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.05)  # the fault

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


model, criterion = Next(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(3):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val = criterion(model(waves[1600:, :24]), waves[1600:, 24]).item()
    print(f"epoch {epoch}: loss {loss.item():.4f}, val {val:.4f}")
