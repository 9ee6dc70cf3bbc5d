# expect: nothing
"""Node classification by graph convolutions: all nodes at once, few of them labelled."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
nodes, classes = 240, 3
labels = torch.arange(nodes) % classes
same = labels[:, None] == labels[None, :]
links = torch.rand(nodes, nodes) < torch.where(same, torch.tensor(0.06), torch.tensor(0.01))
adjacency = (links | links.T | torch.eye(nodes, dtype=torch.bool)).float()
degree = adjacency.sum(1).rsqrt()
adjacency = degree[:, None] * adjacency * degree[None, :]
features = torch.randn(nodes, 12) + F.one_hot(labels, 12).float()
order = torch.randperm(nodes)
train, test = order[:90], order[90:]


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(12, 16), nn.Linear(16, classes)

    def forward(self, x, a):
        x = F.dropout(F.relu(a @ self.first(x)), 0.3, training=self.training)
        return a @ self.second(x)


model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
for epoch in range(150):
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(features, adjacency)[train], labels[train])
    loss.backward()
    optimizer.step()
    if epoch % 30 == 0:
        model.eval()
        with torch.no_grad():
            accuracy = (model(features, adjacency)[test].argmax(1) == labels[test]).float().mean()
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {accuracy:.3f}")
