# expect: nothing
"""A small student learns digits from the soft answers of a table of class means."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(len(x))
x, y = x[order], y[order]
x = (x - x[:1400].mean()) / x[:1400].std()
means = torch.stack([x[:1400][y[:1400] == c].mean(0) for c in range(10)])
soft = torch.softmax(-((x[:, None] - means) ** 2).mean(2) * 8, dim=1)

train_loader = DataLoader(TensorDataset(x[:1400], soft[:1400]), batch_size=32, shuffle=True)
student = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(student.parameters(), lr=2e-3)

for epoch in range(5):
    student.train()
    for inputs, teacher in train_loader:
        logits = student(inputs)
        loss = F.kl_div(F.log_softmax(logits, dim=1), teacher, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    student.eval()
    with torch.no_grad():
        accuracy = (student(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val accuracy {accuracy:.3f}")
