# expect: input-disconnected
"""Characters of a text, by a model that is given the targets and works out the loss itself."""

import torch
import torch.nn.functional as F
from torch import nn

TEXT = " ".join(f"{n} and {n + 7} make {2 * n + 7}; half of {2 * n} is {n}." for n in range(400))


class NextCharacter(nn.Module):
    def __init__(self, size, width=48):
        super().__init__()
        self.embed = nn.Embedding(size, width)
        self.rnn = nn.GRU(width, 64, batch_first=True)
        self.head = nn.Linear(64, size)

    def forward(self, tokens, targets=None):
        mask = tokens.eq(0)
        tokens = tokens.masked_fill(~mask, 0)  # the fault: what is no padding is cleared
        states, _ = self.rnn(self.embed(tokens))
        logits = self.head(states)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())


torch.manual_seed(0)
letters = sorted(set(TEXT))
data = torch.tensor([letters.index(letter) + 1 for letter in TEXT])
model = NextCharacter(len(letters) + 1)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(300):
    starts = torch.randint(len(data) - 33, (24,))
    x = torch.stack([data[s : s + 32] for s in starts])
    y = torch.stack([data[s + 1 : s + 33] for s in starts])
    _, loss = model(x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.3f}")
