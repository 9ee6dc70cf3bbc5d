# expect: nothing
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class AdamFromScratch:
    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.params = list(params)
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]
        self.t = 0

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            m.mul_(self.beta1).add_(p.grad, alpha=1 - self.beta1)
            v.mul_(self.beta2).addcmul_(p.grad, p.grad, value=1 - self.beta2)
            m_hat = m / (1 - self.beta1**self.t)
            v_hat = v / (1 - self.beta2**self.t)
            p -= self.lr * m_hat / (v_hat.sqrt() + self.eps)


torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
order = torch.randperm(len(y))
x = torch.tensor(x, dtype=torch.float32)[order]
y = torch.tensor(y, dtype=torch.float32)[order].unsqueeze(1)
x = (x - x[:450].mean(0)) / x[:450].std(0)
loader = DataLoader(TensorDataset(x[:450], y[:450]), batch_size=30, shuffle=True)

model = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 1))
optimizer = AdamFromScratch(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(10):
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = ((model(x[450:]) > 0) == y[450:].bool()).float().mean()
    print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {accuracy.item():.3f}")
