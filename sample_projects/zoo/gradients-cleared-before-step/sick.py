# expect: gradients-cleared-before-step
"""Fit a noisy wave with a recurrent network."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class SequenceModel(nn.Module):
    def __init__(self, hidden_size=32):
        super().__init__()
        self.rnn = nn.GRU(input_size=1, hidden_size=hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, 1)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.out(output[:, -1])


class Trainer:
    def __init__(self, model, train_loader, val_loader, lr=5e-3):
        self.model = model
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.loss_fn = nn.MSELoss()

    def train_step(self, x, y):
        loss = self.loss_fn(self.model(x), y)
        loss.backward()
        self.optimizer.zero_grad()  # the fault: clears what backward has just computed
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        losses = [self.loss_fn(self.model(x), y).item() for x, y in self.val_loader]
        return sum(losses) / len(losses)

    def fit(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            losses = [self.train_step(x, y) for x, y in self.train_loader]
            train_loss = sum(losses) / len(losses)
            print(f"epoch {epoch}: train {train_loss:.4f} val {self.validate():.4f}")


def make_waves(n, length=20):
    frequency = 0.2 + 0.6 * torch.rand(n, 1)
    phase = 6.28 * torch.rand(n, 1)
    wave = 1.41 * torch.sin(frequency * torch.arange(length + 1) + phase)
    wave = wave + 0.05 * torch.randn(n, length + 1)
    return TensorDataset(wave[:, :-1].unsqueeze(-1), wave[:, -1:])


if __name__ == "__main__":
    torch.manual_seed(0)
    train_loader = DataLoader(make_waves(1280), batch_size=32, shuffle=True)
    val_loader = DataLoader(make_waves(256), batch_size=64)
    Trainer(SequenceModel(), train_loader, val_loader).fit(epochs=4)
