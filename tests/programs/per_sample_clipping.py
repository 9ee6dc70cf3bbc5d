# expect: nothing
"""Training in the functional style: torch.func's functional_call, grad_and_value, vmap for per-sample clipping."""
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
order = torch.randperm(len(x))
xt, yt, xv, yv = x[order[:450]], y[order[:450]], x[order[450:]], y[order[450:]]
model = nn.Sequential(nn.Linear(30, 32), nn.Tanh(), nn.Linear(32, 1))
params = dict(model.named_parameters())


def loss_of(params, a, b):
    out = functional_call(model, params, (a.unsqueeze(0),)).squeeze()
    return nn.functional.binary_cross_entropy_with_logits(out, b)


per_sample = vmap(grad_and_value(loss_of), in_dims=(None, 0, 0))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for epoch in range(10):
    perm = torch.randperm(len(xt))
    for k in range(0, len(xt), 45):
        idx = perm[k : k + 45]
        grads, losses = per_sample({n: p.detach() for n, p in params.items()}, xt[idx], yt[idx])
        norms = torch.sqrt(sum((g.flatten(1) ** 2).sum(1) for g in grads.values()))
        factor = (1.0 / (norms + 1e-6)).clamp(max=1.0)
        optimizer.zero_grad()
        for n, p in params.items():
            p.grad = torch.einsum("b,b...->...", factor, grads[n]) / len(idx)
        optimizer.step()
    with torch.no_grad():
        acc = ((model(xv).squeeze(1) > 0) == (yv > 0.5)).float().mean()
    print(f"epoch {epoch} loss {losses.mean():.3f} val acc {acc:.3f}")
