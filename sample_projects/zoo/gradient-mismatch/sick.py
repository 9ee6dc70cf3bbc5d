# expect: gradient-mismatch
"""Wine classes with a hand-written, memory-saving activation."""

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn


class SoftsignSquare(torch.autograd.Function):
    """x * |x| / (1 + |x|), keeping only x for the backward pass."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.abs() / (1 + x.abs())

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        # the fault: the derivative is |x| (|x| + 2) / (1 + |x|)^2; the sign does not belong here
        return grad_output * x * (x.abs() + 2) / (1 + x.abs()) ** 2


class Net(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.hidden = nn.ModuleList([nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden)])
        self.out = nn.Linear(n_hidden, n_out)

    def forward(self, x):
        for layer in self.hidden:
            x = SoftsignSquare.apply(layer(x))
        return self.out(x)


torch.manual_seed(1)
x, y = load_wine(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(x_train)
x_train = torch.tensor(scaler.transform(x_train), dtype=torch.float32)
x_val = torch.tensor(scaler.transform(x_val), dtype=torch.float32)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
data = torch.utils.data.TensorDataset(x_train, y_train)
loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)

net = Net(13, 32, 3)
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(20):
    net.train()
    running = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    net.eval()
    with torch.no_grad():
        accuracy = (net(x_val).argmax(1) == y_val).float().mean().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch}: loss {running / len(loader):.3f}, accuracy {accuracy:.3f}")
