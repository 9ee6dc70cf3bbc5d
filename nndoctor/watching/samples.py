"""Statistics of many tensors at once, from bounded samples: the cost grows with their number, not with their size."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from nndoctor.fingerprint import strided
from nndoctor.probes.statistics import tails_of
from nndoctor.records import TensorStats

SAMPLE = 256
"""Values looked at in each tensor: their std is then known to about 5 per cent."""
NO_TAILS = (-math.inf, math.inf)


class Sample(NamedTuple):
    """A copy of some values of a tensor, and what its row in the recording is called."""

    values: Tensor
    kind: str
    name: str
    numel: int
    type: str = ""
    order: int = 0


def sampled(tensor: Tensor) -> Tensor | None:
    """Return a float32 copy of at most `SAMPLE` values, evenly spread; None where there are none."""
    tensor = tensor.detach()
    if hasattr(tensor, "to_local"):  # a DTensor: what this rank holds of it
        tensor = tensor.to_local()
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    if not tensor.is_floating_point() or tensor.numel() == 0 or tensor.is_meta:
        return None
    return strided(tensor, SAMPLE).to(torch.float32, copy=True)


def rows(samples: list[Sample], segment: int, step: int) -> list[TensorStats]:
    """Return the rows, device by device. `norm` is estimated from the sample, as sqrt(numel * mean(x^2))."""
    by_device: defaultdict[torch.device, list[Sample]] = defaultdict(list)
    for each in samples:
        by_device[each.values.device].append(each)
    found = []
    for chosen in by_device.values():
        for each, numbers in zip(chosen, _summed(chosen), strict=True):
            mean, variance, absmax, square, zeros, saturated, bad = numbers
            found.append(
                TensorStats(
                    segment=segment,
                    step=step,
                    kind=each.kind,
                    name=each.name,
                    type=each.type,
                    order=each.order,
                    numel=each.numel,
                    mean=mean,
                    std=math.sqrt(max(0.0, variance)),
                    absmax=absmax,
                    norm=math.sqrt(max(0.0, square) * each.numel),
                    zero_share=zeros,
                    saturated_share=saturated if _tails(each.type) != NO_TAILS else math.nan,
                    non_finite=int(bad),
                )
            )
    return found


@lru_cache(maxsize=1024)
def _tails(kind: str) -> tuple[float, float]:
    return tails_of(kind) or NO_TAILS


def _summed(samples: list[Sample]) -> list[list[float]]:
    """Return mean, variance, absmax, mean square, zero share, saturated share and non-finite count of every sample."""
    lengths = [each.values.numel() for each in samples]
    flat = torch.cat([each.values for each in samples])
    device = flat.device
    counts = torch.tensor(lengths, device=device)
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=device), counts, output_size=flat.numel())
    limits = [_tails(each.type) for each in samples]
    low, high = torch.tensor(limits, device=device).T
    finite = torch.isfinite(flat)
    good = torch.where(finite, flat, torch.zeros((), device=device))

    def total(values: Tensor) -> Tensor:
        return torch.zeros(len(lengths), device=device).index_add_(0, owner, values)

    kept = total(finite.float()).clamp(min=1)
    mean = total(good) / kept
    spread = torch.where(finite, good - mean[owner], torch.zeros((), device=device))
    absmax = torch.zeros(len(lengths), device=device).scatter_reduce_(0, owner, good.abs(), "amax")
    beyond = (good < low[owner]) | (good > high[owner])
    columns = [
        mean,
        total(spread * spread) / kept,
        absmax,
        total(good * good) / kept,
        total((flat == 0).float()) / counts,
        total(beyond.float()) / counts,
        counts - total(finite.float()),
    ]
    table: list[list[float]] = torch.stack(columns, dim=1).tolist()
    return table
