# expect: nothing
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Energy(nn.Module):
    """The energy of particles on a line; the force is its negative gradient."""

    def __init__(self, particles=6, width=64):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(particles, width),
            nn.Tanh(),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, 1),
        )

    def forward(self, positions):
        return self.net(positions)


def energy_and_forces(model, positions):
    positions = positions.clone().requires_grad_(True)
    energy = model(positions)
    (gradient,) = torch.autograd.grad(energy.sum(), positions, create_graph=model.training)
    return energy, -gradient


def errors(model, positions, energies, forces):
    predicted, pulled = energy_and_forces(model, positions)
    return nn.functional.mse_loss(predicted, energies) + nn.functional.mse_loss(pulled, forces)


def make_data(count, generator):
    x = torch.randn(count, 6, generator=generator)
    energy = 0.5 * x.square().sum(1, keepdim=True) / 3 + torch.sin(x).sum(1, keepdim=True) / 3
    return TensorDataset(x, energy - 1.0, -(x + torch.cos(x)) / 3)


torch.manual_seed(0)
generator = torch.Generator().manual_seed(1)
train_loader = DataLoader(make_data(1600, generator), batch_size=32, shuffle=True)
val_loader = DataLoader(make_data(300, generator), batch_size=100)
model = Energy()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(4):
    model.train()
    total = 0.0
    for batch in train_loader:
        optimizer.zero_grad()
        loss = errors(model, *batch)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    # Gradients are needed here too: the forces are made of them.
    val = sum(errors(model, *batch).item() for batch in val_loader) / len(val_loader)
    print(f"epoch {epoch}: train {total / len(train_loader):.4f}, validation {val:.4f}")
