# expect: nothing
import inspect
import types

import torch
from torch import nn

# Is a line of source code a comment, a definition or an assignment?
torch.manual_seed(0)
LENGTH, VOCAB = 24, 128
lines = (inspect.getsource(inspect) + inspect.getsource(types)).splitlines()


def kind(line):
    if line.startswith(("def ", "class ")):
        return 0
    if line.startswith("return"):
        return 1
    return 2 if " = " in line else None


texts = sorted({line.strip() for line in lines if kind(line.strip()) is not None})
labels = torch.tensor([kind(text) for text in texts])
codes = torch.zeros(len(texts), LENGTH, dtype=torch.long)
for row, text in enumerate(texts):
    for column, char in enumerate(text[:LENGTH]):
        codes[row, column] = min(ord(char), VOCAB - 1)


class Classifier(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.position = nn.Parameter(torch.randn(LENGTH, 1, dim) * 0.1)
        layer = nn.TransformerEncoderLayer(dim, nhead=4, dim_feedforward=96, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)
        self.out = nn.Linear(dim, 3)

    def forward(self, codes):  # (batch, time)
        x = self.embed(codes).transpose(0, 1)  # the encoder wants (time, batch, dim)
        x = self.encoder(x + self.position)
        return self.out(x.mean(dim=0))


order = torch.randperm(len(texts))
n_val = len(order) // 5
train_index, val_index = order[n_val:], order[:n_val]
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(6):
    model.train()
    for index in train_index[torch.randperm(len(train_index))].split(32):
        optimizer.zero_grad()
        loss = criterion(model(codes[index]), labels[index])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = model(codes[val_index]).argmax(1) == labels[val_index]
    print(f"epoch {epoch} loss {loss.item():.4f} val accuracy {right.float().mean().item():.3f}")
