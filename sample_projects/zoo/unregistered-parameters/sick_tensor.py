# expect: unregistered-parameters
import inspect
import textwrap

import torch
import torch.nn.functional as F
from torch import nn

text = inspect.getsource(textwrap) + inspect.getsource(inspect)
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
cut = int(0.9 * len(data))
train_data, val_data = data[:cut], data[cut:]

torch.manual_seed(1337)
block_size, batch_size, n_embd = 16, 64, 48
vocab_size = len(chars)


def get_batch(source):
    starts = torch.randint(len(source) - block_size - 1, (batch_size,))
    x = torch.stack([source[i : i + block_size] for i in starts])
    y = torch.stack([source[i + 1 : i + block_size + 1] for i in starts])
    return x, y


class CharModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(vocab_size, n_embd)
        # the fault: a plain tensor, not an nn.Parameter
        self.position = torch.zeros(block_size, n_embd, requires_grad=True)
        self.rnn = nn.GRU(n_embd, 96, batch_first=True)
        self.norm = nn.LayerNorm(96)
        self.lm_head = nn.Linear(96, vocab_size)

    def forward(self, idx, targets):
        x = self.token(idx) + self.position[: idx.shape[1]]
        x, _ = self.rnn(x)
        logits = self.lm_head(self.norm(x))
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@torch.no_grad()
def estimate_loss(model, batches=5):
    model.eval()
    out = {}
    for name, source in (("train", train_data), ("val", val_data)):
        out[name] = sum(model(*get_batch(source))[1].item() for _ in range(batches)) / batches
    model.train()
    return out


model = CharModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for it in range(201):
    if it % 50 == 0:
        losses = estimate_loss(model)
        print(f"step {it}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
    xb, yb = get_batch(train_data)
    _, loss = model(xb, yb)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
