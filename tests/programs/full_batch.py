# expect: nothing
import torch
from sklearn.datasets import make_circles
from torch import nn

torch.manual_seed(0)
features, labels = make_circles(n_samples=300, noise=0.05, factor=0.4, random_state=0)
X = torch.tensor(features, dtype=torch.float32)
y = torch.tensor(labels, dtype=torch.float32).unsqueeze(1)
X_train, y_train, X_test, y_test = X[:200], y[:200], X[200:], y[200:]
mean, std = X_train.mean(0), X_train.std(0)
X_train, X_test = (X_train - mean) / std, (X_test - mean) / std

model = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(1, 201):
    model.train()
    logits = model(X_train)
    loss = loss_fn(logits, y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

    if epoch % 20 == 0:
        model.eval()
        with torch.inference_mode():
            test_logits = model(X_test)
            test_loss = loss_fn(test_logits, y_test)
            accuracy = ((test_logits > 0).float() == y_test).float().mean()
        print(f"{epoch}: loss {loss:.4f} | test loss {test_loss:.4f} | accuracy {accuracy:.3f}")
