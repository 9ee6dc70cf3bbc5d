# expect: nothing
import torch
from sklearn.datasets import make_classification

g = torch.Generator().manual_seed(2147483647)
X, Y = make_classification(
    2000, 10, n_informative=6, n_redundant=0, n_classes=3, class_sep=2.0, flip_y=0, random_state=5
)
X = torch.tensor(X, dtype=torch.float32)
Y = torch.tensor(Y)
Xtr, Ytr, Xdev, Ydev = X[:1600], Y[:1600], X[1600:], Y[1600:]
mean, std = Xtr.mean(0), Xtr.std(0)
Xtr, Xdev = (Xtr - mean) / std, (Xdev - mean) / std

n_hidden, batch_size, lr = 50, 32, 0.1
W1 = torch.randn(10, n_hidden, generator=g) * (5 / 3) / 10**0.5
b1 = torch.zeros(n_hidden)
W2 = torch.randn(n_hidden, 3, generator=g) * 0.1
b2 = torch.zeros(3)
parameters = [W1, b1, W2, b2]
for p in parameters:
    p.requires_grad = True

for i in range(600):
    ix = torch.randint(0, len(Xtr), (batch_size,), generator=g)
    h = torch.tanh(Xtr[ix] @ W1 + b1)
    logits = h @ W2 + b2
    loss = torch.nn.functional.cross_entropy(logits, Ytr[ix])

    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p -= lr * p.grad

    if i % 100 == 0:
        print(f"{i:4d}/600: {loss.item():.4f}")

with torch.no_grad():
    logits = torch.tanh(Xdev @ W1 + b1) @ W2 + b2
    print(f"dev accuracy {(logits.argmax(1) == Ydev).float().mean().item():.3f}")
