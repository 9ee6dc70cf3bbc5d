# expect: nothing
"""Train a character-level GPT on the documentation of the Python language."""

import argparse
import math
from pydoc_data.topics import topics

import torch
from model import GPT

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--eval-every", type=int, default=100)
parser.add_argument("--eval-batches", type=int, default=20)
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--block-size", type=int, default=48)
parser.add_argument("--lr", type=float, default=3e-3)
parser.add_argument("--warmup", type=int, default=20)
parser.add_argument("--grad-clip", type=float, default=1.0)
parser.add_argument("--seed", type=int, default=1337)
args = parser.parse_args()

torch.manual_seed(args.seed)
text = "\n\n".join(topics[name] for name in sorted(topics))
paragraphs = list(dict.fromkeys(text.split("\n\n")))  # some topics contain others
chars = sorted(set(text))
encode = {c: i for i, c in enumerate(chars)}


def to_tensor(paragraphs):
    return torch.tensor([encode[c] for c in "\n\n".join(paragraphs)])


splits = {
    "train": to_tensor(p for i, p in enumerate(paragraphs) if i % 10),
    "val": to_tensor(paragraphs[::10]),
}
print({split: len(data) for split, data in splits.items()}, f"{len(chars)} different characters")


def get_batch(split):
    source = splits[split]
    starts = torch.randint(len(source) - args.block_size, (args.batch_size,))
    x = torch.stack([source[i : i + args.block_size] for i in starts])
    y = torch.stack([source[i + 1 : i + 1 + args.block_size] for i in starts])
    return x, y


@torch.no_grad()
def estimate_loss():
    model.eval()
    losses = {}
    for split in splits:
        values = [model(*get_batch(split))[1].item() for _ in range(args.eval_batches)]
        losses[split] = sum(values) / len(values)
    model.train()
    return losses


def get_lr(step):
    """Warm up linearly, then go down to a tenth along a cosine."""
    if step < args.warmup:
        return args.lr * (step + 1) / args.warmup
    progress = (step - args.warmup) / max(1, args.steps - args.warmup)
    return args.lr * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


model = GPT(len(chars), args.block_size)
decay = [p for p in model.parameters() if p.dim() >= 2]
no_decay = [p for p in model.parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW(
    [{"params": decay, "weight_decay": 0.1}, {"params": no_decay, "weight_decay": 0.0}],
    lr=args.lr,
    betas=(0.9, 0.99),
)

for step in range(args.steps + 1):
    if step % args.eval_every == 0:
        losses = estimate_loss()
        print(f"step {step}: train {losses['train']:.3f}, val {losses['val']:.3f}")
    if step == args.steps:
        break
    lr = get_lr(step)
    for group in optimizer.param_groups:
        group["lr"] = lr
    logits, loss = model(*get_batch("train"))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip)
    optimizer.step()
