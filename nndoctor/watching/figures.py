"""What samples amount to: the rows of `TensorStats`, worked out for many steps at once.

Rows are tuples in the order of the record's fields: thousands of them are made every second, and go straight to disk.
"""

from __future__ import annotations

import math
from collections import defaultdict
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.probes.statistics import tails_of
from nndoctor.records import OBSERVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndoctor.watching.samples import Column, Taken

Row = tuple[Any, ...]
MOST_VALUES = 2**16
"""Values worked out at once: as many as stay in a processor's cache."""
FIELDS = (
    "experiment", "segment", "step", "kind", "name", "type", "order", "numel",
    "mean", "std", "absmax", "norm", "zero_share", "saturated_share", "non_finite",
)  # fmt: skip
"""Of `TensorStats`, in its order."""


def rows(taken: Iterable[Taken]) -> list[Row]:
    """Return the rows of all samples, by step. `norm` is estimated from the sample, as sqrt(numel * mean(x^2))."""
    layouts: dict[int, list[Taken]] = {}
    for each in taken:  # by identity: the same columns mostly are the same tuple, and its hash is that of all its parts
        layouts.setdefault(id(each.columns), []).append(each)
    found: list[Row] = []
    for steps in layouts.values():
        columns = steps[0].columns
        at_once = max(1, MOST_VALUES // max(1, sum(c.length for c in columns)))
        for start in range(0, len(steps), at_once):
            found += _of_layout(columns, steps[start : start + at_once])
    if len(layouts) > 1:
        found.sort(key=lambda row: (row[1], row[2]))
    return found


@torch.no_grad()
def _of_layout(columns: tuple[Column, ...], steps: Sequence[Taken]) -> list[Row]:
    values = torch.cat([piece for each in steps for piece in each.pieces]).view(len(steps), -1)
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for number, column in enumerate(columns):
        by_length[column.length].append(number)
    parts = torch.split(values, [c.length for c in columns], dim=1)
    table = torch.empty(len(steps), len(columns), 7, dtype=torch.float32)
    for length, numbers in by_length.items():
        block = torch.cat([parts[n] for n in numbers], dim=1).view(len(steps), len(numbers), length)
        table[:, numbers] = _figures(block, [columns[n] for n in numbers]).to(table.device)
    heads = zip(*((c.kind, c.name, c.type, c.order, c.numel) for c in columns), strict=True)
    *figures, bad = table.view(-1, 7).T.tolist()
    # Column by column, put together by `zip`: while Python works here, the training's thread waits.
    return list(
        zip(
            repeat(OBSERVE, len(bad)),
            [each.segment for each in steps for _ in columns],
            [each.step for each in steps for _ in columns],
            *([*field] * len(steps) for field in heads),
            *figures,
            map(int, bad),
            strict=True,
        )
    )


def _figures(block: Tensor, columns: list[Column]) -> Tensor:
    """Return mean, std, absmax, norm, zero share, saturated share and non-finite count of (steps, columns, values)."""
    # Of several ways to the same number these are the quick ones: `var_mean` takes fifty times as long as two sums.
    length = block.shape[-1]
    numel = torch.tensor([float(c.numel) for c in columns], device=block.device)
    limits = [tails(c.type) for c in columns]
    magnitude = block.abs()
    absmax = magnitude.amax(-1)
    saturated = torch.full_like(absmax, math.nan)
    if flat := [n for n, limit in enumerate(limits) if limit is not None]:
        low, high = torch.tensor([limits[n] for n in flat], device=block.device).T.unsqueeze(-1)
        chosen = block[:, flat]
        saturated[:, flat] = ((chosen < low) | (chosen > high)).float().mean(-1)
    bad = torch.zeros_like(absmax)
    if bool(torch.isfinite(absmax).all()):
        zeros = 1 - magnitude.sign_().sum(-1) / length
        mean = block.mean(-1)
        variance = torch.linalg.vector_norm(block - mean.unsqueeze(-1), dim=-1).square() / length
    else:
        finite = torch.isfinite(block)
        zeros = (block == 0).float().mean(-1)
        kept = finite.sum(-1).clamp(min=1)
        good = torch.where(finite, block, torch.zeros((), device=block.device))
        mean = good.sum(-1) / kept
        spread = torch.where(finite, good - mean.unsqueeze(-1), torch.zeros((), device=block.device))
        variance, absmax = spread.square().sum(-1) / kept, good.abs().amax(-1)
        bad = length - finite.sum(-1).float()
    norm = (variance + mean.square()).mul(numel).sqrt()
    return torch.stack([mean, variance.sqrt(), absmax, norm, zeros, saturated, bad], dim=-1)


@lru_cache(maxsize=1024)
def tails(kind: str) -> tuple[float, float] | None:
    """Return the limits beyond which an activation of this type is saturated, None for one without flat tails."""
    return tails_of(kind)
