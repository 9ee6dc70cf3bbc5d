# expect: nothing
import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class SwishFunction(torch.autograd.Function):
    """x * sigmoid(x), keeping only x for the backward pass."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s + x * s * (1 - s))


class Swish(nn.Module):
    def forward(self, x):
        return SwishFunction.apply(x)


torch.manual_seed(0)
x, y = make_classification(
    1500, 16, n_informative=8, n_redundant=0, n_classes=4, class_sep=2.0, flip_y=0, random_state=3
)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y)
x = (x - x[:1200].mean(0)) / x[:1200].std(0)
train_loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=32, shuffle=True)
x_val, y_val = x[1200:], y[1200:]

model = nn.Sequential(nn.Linear(16, 48), Swish(), nn.Linear(48, 48), Swish(), nn.Linear(48, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(5):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean()
    print(f"epoch {epoch}: loss {loss.item():.3f}, val accuracy {accuracy.item():.3f}")
