# expect: nothing
"""A student learns from a trained teacher: soft targets by KL divergence, the teacher under no_grad."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)
order = torch.randperm(len(x))
x, y = x[order], y[order]
train = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=32, shuffle=True)
teacher = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
student = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
tutor = torch.optim.Adam(teacher.parameters(), lr=2e-3)
for _ in range(4):
    for a, b in train:
        tutor.zero_grad()
        F.cross_entropy(teacher(a), b).backward()
        tutor.step()
teacher.eval()
optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
for epoch in range(6):
    student.train()
    for a, b in train:
        with torch.no_grad():
            soft = F.softmax(teacher(a) / 2, dim=1)
        logits = student(a)
        loss = F.kl_div(F.log_softmax(logits / 2, dim=1), soft, reduction="batchmean") * 4
        loss = loss + 0.3 * F.cross_entropy(logits, b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    student.eval()
    with torch.no_grad():
        print(f"epoch {epoch}: {(student(x[1400:]).argmax(1) == y[1400:]).float().mean():.3f}")
