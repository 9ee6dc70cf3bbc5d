# expect: nothing
"""Domain-adversarial training: the gradient of the reversal layer is negated on purpose."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.alpha * grad, None


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.classify = nn.Linear(32, 3)
        self.domain = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x, alpha):
        h = self.features(x)
        return self.classify(h), self.domain(Reverse.apply(h, alpha)).squeeze(1)


torch.manual_seed(0)
centers = torch.randn(3, 10) * 2
ys = torch.randint(0, 3, (1500,))
source = centers[ys] + torch.randn(1500, 10)
yt = torch.randint(0, 3, (1500,))
target = centers[yt] + torch.randn(1500, 10) + 0.5
loader = DataLoader(TensorDataset(source, ys), batch_size=64, shuffle=True, drop_last=True)
target_loader = DataLoader(TensorDataset(target), batch_size=64, shuffle=True, drop_last=True)

model = DANN()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(8):
    model.train()
    for step, ((xs, labels), (xt,)) in enumerate(zip(loader, target_loader)):
        logits, ds = model(xs, 0.2)
        _, dt = model(xt, 0.2)
        loss = (
            F.cross_entropy(logits, labels)
            + F.binary_cross_entropy_with_logits(ds, torch.zeros_like(ds))
            + F.binary_cross_entropy_with_logits(dt, torch.ones_like(dt))
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(target, 0.0)[0].argmax(1) == yt).float().mean()
    print(f"epoch {epoch} loss {loss.item():.3f} target accuracy {accuracy:.3f}")
