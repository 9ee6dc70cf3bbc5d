# expect: nothing
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class MixtureOfExperts(nn.Module):
    """Top-1 routing: an expert without samples in a batch has no gradient in that step."""

    def __init__(self, dim, n_experts=6):
        super().__init__()
        self.gate = nn.Linear(dim, n_experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, dim))
            for _ in range(n_experts)
        )

    def forward(self, x):
        weights = F.softmax(self.gate(x), dim=-1)
        weight, chosen = weights.max(dim=-1)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows = (chosen == number).nonzero(as_tuple=True)[0]
            if len(rows) == 0:
                continue
            out = out.index_add(0, rows, weight[rows].unsqueeze(1) * expert(x[rows]))
        return x + out, weights


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(64, 48)
        self.moe = MixtureOfExperts(48)
        self.out = nn.Linear(48, 10)

    def forward(self, x):
        h, weights = self.moe(F.relu(self.inp(x)))
        return self.out(h), weights


torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.2, stratify=y, random_state=1)
mu, sigma = Xtr.mean(), Xtr.std()
Xtr, Xva = (torch.tensor((a - mu) / sigma, dtype=torch.float32) for a in (Xtr, Xva))
ytr, yva = torch.tensor(ytr), torch.tensor(yva)

loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=16, shuffle=True, drop_last=True)
model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(4):
    model.train()
    for xb, yb in loader:
        logits, weights = model(xb)
        usage = weights.mean(dim=0)
        balance = len(usage) * (usage**2).sum() - 1
        loss = F.cross_entropy(logits, yb) + 0.1 * balance
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits, weights = model(Xva)
        acc = (logits.argmax(1) == yva).float().mean()
        used = torch.bincount(weights.argmax(1), minlength=6).tolist()
    print(f"epoch {epoch} loss {loss.item():.3f} val acc {acc:.3f} samples per expert {used}")
