# expect: nothing
"""A small transformer that continues text, trained on Python's own documentation."""

from pydoc_data.topics import topics

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

CONTEXT, WIDTH, HEADS = 24, 48, 4


class Windows(Dataset):
    def __init__(self, tokens):
        self.tokens = tokens

    def __len__(self):
        return (len(self.tokens) - 1) // CONTEXT

    def __getitem__(self, i):
        start = i * CONTEXT
        return self.tokens[start : start + CONTEXT], self.tokens[start + 1 : start + CONTEXT + 1]


class Writer(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.token = nn.Embedding(vocabulary, WIDTH)
        self.position = nn.Embedding(CONTEXT, WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, dropout=0.0, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, vocabulary))

    def forward(self, tokens):
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.head(self.layers(x, mask=mask, is_causal=True))


torch.manual_seed(0)
text = "\n".join(topics[name] for name in sorted(topics))[:120_000]
letters = {c: i for i, c in enumerate(sorted(set(text)))}
tokens = torch.tensor([letters[c] for c in text])
train_loader = DataLoader(Windows(tokens[:100_000]), batch_size=32, shuffle=True)
val_loader = DataLoader(Windows(tokens[100_000:]), batch_size=100)

model = Writer(len(letters))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for epoch in range(2):
    model.train()
    for step, (x, y) in enumerate(train_loader):
        logits = model(x)
        loss = criterion(logits.view(-1, logits.shape[-1]), y.view(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 40 == 0:
            print(f"epoch {epoch} step {step} loss {loss.item():.3f}")
    model.eval()
    with torch.no_grad():
        losses = [criterion(model(x).transpose(1, 2), y).item() for x, y in val_loader]
    print(f"epoch {epoch} val {sum(losses) / len(losses):.3f}")
