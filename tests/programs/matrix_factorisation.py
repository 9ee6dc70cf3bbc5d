# expect: nothing
"""Recommendations by matrix factorisation: sparse embeddings, ratings from one to five, early stopping."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
USERS, ITEMS = 300, 200
u_true, i_true = torch.randn(USERS, 4), torch.randn(ITEMS, 4)
users = torch.randint(0, USERS, (12000,))
items = torch.randint(0, ITEMS, (12000,))
ratings = (3.4 + 0.5 * (u_true[users] * i_true[items]).sum(1) + 0.2 * torch.randn(12000)).round().clamp(1, 5)
train = TensorDataset(users[:10000], items[:10000], ratings[:10000])
val = TensorDataset(users[10000:], items[10000:], ratings[10000:])


class Factors(nn.Module):
    def __init__(self, mean, width=8):
        super().__init__()
        self.user = nn.Embedding(USERS, width, sparse=True)
        self.item = nn.Embedding(ITEMS, width, sparse=True)
        self.user_bias = nn.Embedding(USERS, 1, sparse=True)
        self.item_bias = nn.Embedding(ITEMS, 1, sparse=True)
        self.register_buffer("mean", mean)
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=0.1)
        for table in (self.user_bias, self.item_bias):
            nn.init.zeros_(table.weight)

    def forward(self, u, i):
        dot = (self.user(u) * self.item(i)).sum(1)
        return self.mean + dot + self.user_bias(u).squeeze(1) + self.item_bias(i).squeeze(1)


model = Factors(ratings[:10000].mean())
optimizer = torch.optim.SparseAdam(model.parameters(), lr=0.01)
criterion = nn.MSELoss()
best, patience = float("inf"), 0
for epoch in range(20):
    model.train()
    for u, i, r in DataLoader(train, batch_size=128, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(u, i), r)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        total = sum(criterion(model(u, i), r).item() * len(r) for u, i, r in DataLoader(val, batch_size=500))
    error = (total / len(val)) ** 0.5
    print(f"epoch {epoch} train {loss.item():.3f} val rmse {error:.3f}")
    if error < best - 1e-4:
        best, patience = error, 0
    else:
        patience += 1
        if patience == 3:
            break
