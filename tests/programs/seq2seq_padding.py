# expect: nothing
"""An encoder-decoder transformer that reverses digit strings of unequal length, padding ignored in the loss."""

import torch
from torch import nn

torch.manual_seed(0)
PAD, BOS, WORDS, LONGEST = 10, 11, 12, 6


def get_batch(n=32):
    lengths = torch.randint(3, LONGEST + 1, (n,))
    source = torch.full((n, LONGEST), PAD)
    target = torch.full((n, LONGEST), PAD)
    for i, length in enumerate(lengths):
        word = torch.randint(0, 10, (int(length),))
        source[i, :length] = word
        target[i, :length] = word.flip(0)
    begin = torch.full((n, 1), BOS)
    return source, torch.cat([begin, target[:, :-1]], dim=1), target


class Translator(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.words = nn.Embedding(WORDS, width, padding_idx=PAD)
        self.places = nn.Parameter(torch.randn(LONGEST, width) * 0.1)
        self.core = nn.Transformer(width, 4, 1, 1, 96, dropout=0.0, batch_first=True)
        self.out = nn.Linear(width, WORDS)

    def forward(self, source, before):
        mask = nn.Transformer.generate_square_subsequent_mask(LONGEST)
        hidden = self.core(
            self.words(source) + self.places,
            self.words(before) + self.places,
            tgt_mask=mask,
            src_key_padding_mask=(source == PAD).float() * -1e9,
        )
        return self.out(hidden)


model = Translator()
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for step in range(200):
    source, before, target = get_batch()
    loss = criterion(model(source, before).reshape(-1, WORDS), target.reshape(-1))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step}: loss {loss.item():.3f}")
