"""What samples amount to: the rows of `TensorStats`, worked out for many steps at once.

Rows are tuples in the order of the record's fields: thousands of them are made every second, and go straight to disk.
"""

from __future__ import annotations

import math
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.probes.statistics import tails_of
from nndoctor.records import OBSERVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndoctor.watching.samples import Column, Taken

Row = tuple[Any, ...]
FIELDS = (
    "experiment", "segment", "step", "kind", "name", "type", "order", "numel",
    "mean", "std", "absmax", "norm", "zero_share", "saturated_share", "non_finite",
)  # fmt: skip
"""Of `TensorStats`, in its order."""


def rows(taken: Iterable[Taken]) -> list[Row]:
    """Return the rows of all samples, by step. `norm` is estimated from the sample, as sqrt(numel * mean(x^2))."""
    layouts: defaultdict[tuple[Column, ...], list[Taken]] = defaultdict(list)
    for each in taken:
        layouts[each.columns].append(each)
    found = [row for columns, steps in layouts.items() for row in _of_layout(columns, steps)]
    if len(layouts) > 1:
        found.sort(key=lambda row: (row[1], row[2]))
    return found


@torch.no_grad()
def _of_layout(columns: tuple[Column, ...], steps: Sequence[Taken]) -> list[Row]:
    values = torch.stack([each.values for each in steps]) if len(steps) > 1 else steps[0].values.unsqueeze(0)
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    starts, place = [], 0
    for number, column in enumerate(columns):
        by_length[column.length].append(number)
        starts.append(place)
        place += column.length
    table = torch.empty(len(steps), len(columns), 7, dtype=torch.float32)
    for length, numbers in by_length.items():
        wanted = torch.tensor([starts[n] for n in numbers], device=values.device)
        places = (wanted.unsqueeze(1) + torch.arange(length, device=values.device)).view(-1)
        block = values.index_select(1, places).view(len(steps), len(numbers), length)
        table[:, numbers] = _figures(block, [columns[n] for n in numbers]).to(table.device)
    heads = [(c.kind, c.name, c.type, c.order, c.numel) for c in columns]
    return [
        (OBSERVE, each.segment, each.step, *head, *numbers[:-1], int(numbers[-1]))
        for each, figures in zip(steps, table.tolist(), strict=True)
        for head, numbers in zip(heads, figures, strict=True)
    ]


def _figures(block: Tensor, columns: list[Column]) -> Tensor:
    """Return mean, std, absmax, norm, zero share, saturated share and non-finite count of (steps, columns, values)."""
    length = block.shape[-1]
    zeros = (length - torch.count_nonzero(block, dim=-1)) / length
    numel = torch.tensor([float(c.numel) for c in columns], device=block.device)
    limits = [tails(c.type) for c in columns]
    saturated = torch.full_like(zeros, math.nan)
    if flat := [n for n, limit in enumerate(limits) if limit is not None]:
        low, high = torch.tensor([limits[n] for n in flat], device=block.device).T.unsqueeze(-1)
        chosen = block[:, flat]
        saturated[:, flat] = ((chosen < low) | (chosen > high)).float().mean(-1)
    absmax = torch.linalg.vector_norm(block, math.inf, dim=-1)
    bad = torch.zeros_like(zeros)
    if bool(torch.isfinite(absmax).all()):
        variance, mean = torch.var_mean(block, dim=-1, correction=0)
    else:
        finite = torch.isfinite(block)
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
