# expect: nothing
"""Wines: the colour is a class, the grade is ordinal (one logit per threshold), from one trunk."""
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

GRADES = 5
GENERATOR = torch.Generator().manual_seed(5)


def cellar(n):
    """Return measurements, colours and grades. What makes a good white spoils a red."""
    colour = (torch.rand(n, generator=GENERATOR) < 0.4).long()
    hidden = torch.randn(n, 4, generator=GENERATOR)  # ripeness, acidity, age in oak, faults
    ripe, acid, oak, fault = hidden.unbind(1)
    sign = 1.0 - 2.0 * colour
    merit = 1.2 * ripe + 0.8 * sign * acid - 0.7 * sign * oak - 0.6 * F.relu(fault) ** 2 + 0.5 * torch.sin(2 * ripe)
    merit = merit + 0.15 * torch.randn(n, generator=GENERATOR)
    cuts = merit.quantile(torch.linspace(0, 1, GRADES + 1)[1:-1])
    grade = (merit.unsqueeze(1) > cuts).sum(1)
    mixing = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    tint = torch.randn(10, generator=torch.Generator().manual_seed(1))
    measured = hidden @ mixing + 1.2 * sign.unsqueeze(1) * tint + 0.1 * torch.randn(n, 10, generator=GENERATOR)
    return measured, grade, colour


class WineNet(nn.Module):
    def __init__(self, inputs=10, width=48):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Dropout(0.05)
        )
        self.grade_head = nn.Linear(width, GRADES - 1)
        self.colour_head = nn.Linear(width, 2)

    def forward(self, x):
        features = self.trunk(x)
        return self.grade_head(features), self.colour_head(features)


def thresholds_passed(grade):
    """2 of 0..4 becomes 1 1 0 0."""
    return (grade.unsqueeze(1) > torch.arange(GRADES - 1)).float()


def evaluate(model, data):
    model.eval()
    with torch.no_grad():
        x, grade, colour = data.tensors
        grade_logits, colour_logits = model(x)
        predicted = (grade_logits > 0).sum(dim=1)
        right_colour = (colour_logits.argmax(1) == colour).float().mean().item()
        return right_colour, (predicted - grade).abs().float().mean().item()


def run(epochs=14, lr=4e-3, batch_size=64):
    torch.manual_seed(0)
    x, grade, colour = cellar(3000)
    x = (x - x[:2400].mean(0)) / x[:2400].std(0)
    train_data = TensorDataset(x[:2400], grade[:2400], colour[:2400])
    val_data = TensorDataset(x[2400:], grade[2400:], colour[2400:])
    loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)

    model = WineNet()
    opt = optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        model.train()
        total = 0
        for features, grade, colour in loader:
            grade_logits, colour_logits = model(features)
            grade_loss = F.binary_cross_entropy_with_logits(grade_logits, thresholds_passed(grade))
            colour_loss = F.cross_entropy(colour_logits, colour)
            loss = grade_loss + 0.5 * colour_loss
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        right_colour, off = evaluate(model, val_data)
        print(f"{epoch:3d} | loss {total / len(loader):.4f} | colour {right_colour:.3f} | grades off by {off:.3f}")
    return model


if __name__ == "__main__":
    run()
