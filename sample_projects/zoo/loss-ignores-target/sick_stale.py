# expect: loss-ignores-target
"""Wine cultivars with a class-based trainer; the first batch is looked at before the training."""

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

features, cultivars = load_wine(return_X_y=True)
f_train, f_test, c_train, c_test = train_test_split(
    features, cultivars, test_size=0.25, random_state=0
)
scaler = StandardScaler().fit(f_train)
train_set = TensorDataset(torch.tensor(scaler.transform(f_train)).float(), torch.tensor(c_train))
test_set = TensorDataset(torch.tensor(scaler.transform(f_test)).float(), torch.tensor(c_test))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True, drop_last=True)
test_loader = DataLoader(test_set, batch_size=64)

x, y = next(iter(train_loader))
print("a batch:", tuple(x.shape), tuple(y.shape))

net = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = optim.Adam(net.parameters(), lr=0.005)

for epoch in range(15):
    net.train()
    running = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = nn.functional.cross_entropy(
            outputs, y
        )  # the fault: y is that of the batch looked at
        loss.backward()
        optimizer.step()
        running += loss.item()
    net.eval()
    with torch.no_grad():
        accuracy = sum((net(a).argmax(1) == b).sum().item() for a, b in test_loader) / len(test_set)
    print(
        f"epoch {epoch + 1}: loss {running / len(train_loader):.3f}, test accuracy {accuracy:.3f}"
    )
