# expect: nothing
"""A transformer classifier with a warm-up from a rate of zero, decay groups and label smoothing."""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
VOCAB, LENGTH = 30, 24
x = torch.randint(2, VOCAB, (3000, LENGTH))
y = (x == 5).sum(1).clamp(max=2)
marks = torch.rand(3000, LENGTH) < 0.05
x = torch.where(marks, torch.full_like(x, 5), x)
y = (x == 5).sum(1).clamp(max=2)
train = TensorDataset(x[:2500], y[:2500])
loader = DataLoader(train, batch_size=50, shuffle=True)


class Classifier(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, width)
        self.places = nn.Parameter(torch.zeros(1, LENGTH, width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)

    def forward(self, ids):
        h = self.body(self.tokens(ids) + self.places)
        return self.head(self.norm(h).mean(1))


model = Classifier()
decay = [p for n, p in model.named_parameters() if p.dim() >= 2]
plain = [p for n, p in model.named_parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW(
    [{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}], lr=3e-3, betas=(0.9, 0.98)
)
steps, warm = 10 * len(loader), 50


def schedule(step):
    if step < warm:
        return step / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
for epoch in range(10):
    model.train()
    for ids, labels in loader:
        loss = criterion(model(ids), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x[2500:]).argmax(1) == y[2500:]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {accuracy:.3f}")
