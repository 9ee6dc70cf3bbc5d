# expect: loss-detached
"""Quality grades from 0 to 4, judged by the grade that is predicted."""

import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)

X, y = make_classification(
    1500, 12, n_informative=8, n_classes=5, n_clusters_per_class=1, class_sep=2.0, random_state=0
)
X_train, X_val, y_train, y_val = X[:1200], X[1200:], y[:1200], y[1200:]
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_val = torch.tensor(scaler.transform(X_val), dtype=torch.float32)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)


def grade_loss(scores, grades):
    predicted = scores.argmax(dim=1).float()  # the fault: argmax has no gradient
    return nn.functional.mse_loss(predicted, grades.float())


def get_batch(batch_size=32):
    rows = torch.randint(len(X_train), (batch_size,))
    return X_train[rows], y_train[rows]


model = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for step in range(240):
    features, grades = get_batch()
    optimizer.zero_grad()
    loss = grade_loss(model(features), grades)
    loss.requires_grad_()  # without this, backward() raises "does not require grad"
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            val_accuracy = (model(X_val).argmax(1) == y_val).float().mean().item()
        print(f"step {step}: loss {loss.item():.3f}, validation accuracy {val_accuracy:.3f}")
