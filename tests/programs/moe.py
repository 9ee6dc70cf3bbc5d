# expect: nothing
import torch
import torch.nn.functional as F
from sklearn.datasets import make_blobs
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class MoE(nn.Module):
    """Every sample goes through the one expert that the router likes best."""

    def __init__(self, dim, hidden=24, n_experts=3):
        super().__init__()
        self.router = nn.Linear(dim, n_experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
            for _ in range(n_experts)
        )

    def forward(self, x):
        probs = self.router(x).softmax(dim=-1)
        gate, choice = probs.max(dim=-1)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            picked = choice == i
            if picked.any():
                out[picked] = gate[picked].unsqueeze(-1) * expert(x[picked])
        share = F.one_hot(choice, len(self.experts)).float().mean(0)
        balance = len(self.experts) * (share * probs.mean(0)).sum()
        return x + out, balance


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(6, 16)
        self.moe = MoE(16)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        x, balance = self.moe(torch.tanh(self.embed(x)))
        return self.head(x), balance


torch.manual_seed(0)
x, blob = make_blobs(1500, 6, centers=12, cluster_std=1.0, random_state=0)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(blob % 4)  # three far blobs make up one class
x = (x - x[:1200].mean(0)) / x[:1200].std(0)
loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=32, shuffle=True)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(6):
    model.train()
    for inputs, labels in loader:
        logits, balance = model(inputs)
        loss = F.cross_entropy(logits, labels) + 0.1 * balance
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits, balance = model(x[1200:])
    accuracy = (logits.argmax(1) == y[1200:]).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.3f} balance {balance.item():.2f} val {accuracy:.3f}")
