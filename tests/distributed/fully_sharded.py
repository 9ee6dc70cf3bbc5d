# processes: 2
import hashlib
import os
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.fsdp import fully_shard

# The losses are exact to the last bit; each rank writes its own, and a hash of its part of the weights.


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, 2 * width)
        self.second = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        return x + self.dropout(self.second(F.relu(self.first(self.norm(x)))))


def main():
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), Block(32), Block(32), nn.Linear(32, 5))
    for block in (model[1], model[2]):
        fully_shard(block)
    fully_shard(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(rank)
    torch.manual_seed(rank)
    lines = []
    for _ in range(int(sys.argv[1])):
        inputs = torch.randn(24, 16, generator=generator)
        labels = inputs[:, :5].argmax(1)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        lines.append(loss.item().hex())
    parts = b"".join(p.to_local().detach().numpy().tobytes() for p in model.parameters())
    lines.append(hashlib.sha256(parts).hexdigest())
    with open(f"losses-{rank}.txt", "w") as file:
        file.write("\n".join(lines) + "\n")
    assert os.path.getsize(f"losses-{rank}.txt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
