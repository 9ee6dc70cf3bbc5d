"""What samples amount to: the figures of `TensorStats`, worked out for many steps at once."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from nndoctor.blocks import row_of
from nndoctor.probes.statistics import tails_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndoctor.blocks import Head, Place, Row
    from nndoctor.watching.samples import Column, Taken

MOST_VALUES = 2**18
"""Values worked out at once: many, as an operation has its price, but no more than stay in a processor's cache."""
FIELDS = (
    "experiment", "segment", "step", "kind", "name", "type", "order", "numel",
    "mean", "std", "absmax", "norm", "zero_share", "saturated_share", "non_finite",
)  # fmt: skip
"""Of `TensorStats`, in its order."""


ABSMAX, NON_FINITE = 2, 6
"""Of the figures of a block."""


class Block(NamedTuple):
    """The figures of the same columns in some steps: a table of steps, columns and the last seven fields, float32."""

    columns: tuple[Column, ...]
    places: list[Place]
    table: Tensor


def head_of(column: Column) -> Head:
    """Return what a column is called in the recording."""
    return (column.kind, column.name, column.type, column.order, column.numel)


def rows(taken: Iterable[Taken]) -> list[Row]:
    """Return all samples' values of a `TensorStats`, by step."""
    found = [
        row_of(head_of(column), place, figures)
        for block in blocks(taken)
        for place, table in zip(block.places, block.table.tolist(), strict=True)
        for column, figures in zip(block.columns, table, strict=True)
    ]
    return sorted(found, key=lambda row: (row[1], row[2]))


def blocks(taken: Iterable[Taken]) -> list[Block]:
    """Return the figures of all samples. `norm` is estimated from the sample, as sqrt(numel * mean(x^2))."""
    layouts: dict[int, list[Taken]] = {}
    for each in taken:  # by identity: the same columns mostly are the same tuple, and its hash is that of all its parts
        layouts.setdefault(id(each.columns), []).append(each)
    found: list[Block] = []
    for steps in layouts.values():
        columns = steps[0].columns
        at_once = max(1, MOST_VALUES // max(1, sum(c.length for c in columns)))
        tables = [_of_layout(columns, steps[start : start + at_once]) for start in range(0, len(steps), at_once)]
        found.append(Block(columns, [(each.segment, each.step) for each in steps], torch.cat(tables)))
    return found


@torch.no_grad()
def _of_layout(columns: tuple[Column, ...], steps: Sequence[Taken]) -> Tensor:
    values = torch.cat([piece for each in steps for piece in each.pieces]).view(len(steps), -1)
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for number, column in enumerate(columns):
        by_length[column.length].append(number)
    _subtract(values, columns)
    parts = torch.split(values, [c.length for c in columns], dim=1)
    # Wherever the script has new tensors made by default: this one is going to be written.
    table = torch.empty(len(steps), len(columns), 7, dtype=torch.float32, device="cpu")
    for length, numbers in by_length.items():
        block = torch.cat([parts[n] for n in numbers], dim=1).view(len(steps), len(numbers), length)
        table[:, numbers] = _figures(block, [columns[n] for n in numbers]).cpu()
    return table


def _subtract(values: Tensor, columns: tuple[Column, ...]) -> None:
    """Make updates of the weights before a step: those after it are right before them."""
    start = 0
    for kind, some in groupby(columns, lambda column: column.kind):
        length = sum(column.length for column in some)
        if kind == "update":
            after, before = values[:, start - length : start], values[:, start : start + length]
            torch.sub(after, before, out=before)
        start += length


def changed(block: Block) -> list[bool] | None:
    """Say of each step whether it changed a parameter, as far as the sample shows; None where none was looked at."""
    updates = [number for number, column in enumerate(block.columns) if column.kind == "update"]
    if not updates:
        return None
    found: list[bool] = block.table[:, updates][..., [ABSMAX, NON_FINITE]].any(-1).any(-1).tolist()
    return found


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
