"""Which samples does a loader ask for? Its sampler is gone through, without fetching anything."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

from nndoctor.fingerprint import content_hash
from nndoctor.records import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSES = 3
"""A sampler that takes other samples each time gets to all of them in the end; one that repeats its choice does not."""
MOST_INDICES = 2_000_000
ENDLESS = 4
"""Times the length of the data set after which a pass is taken to have no end."""


def coverage(name: str, loader: Any, left_after: list[int], deadline: float) -> Iterator[Coverage]:
    """Yield a row for a loader whose sampler is meant to go through the data. `left_after`: of passes broken off."""
    total, sampler, batches = len(loader.dataset), loader.sampler, loader.batch_sampler
    if not 0 < total * PASSES <= MOST_INDICES or _partial(sampler):
        return
    # What torch's own batches leave out of each pass (`drop_last`) is something else each time in a shuffled one.
    source = batches.sampler if type(batches) is BatchSampler else sampler if batches is None else batches
    kind = _kind(batches, sampler)
    given = isinstance(sampler, SubsetRandomSampler)
    row = Coverage(loader=name, sampler=kind, total=total, given=given, **_passes(source, total, deadline))
    size = getattr(loader, "batch_size", None) or 0
    counted = max(set(left_after), key=left_after.count) if left_after else 0
    yield replace(
        row,
        batch_size=size,
        dropped=total % size if getattr(loader, "drop_last", False) and size else 0,
        batches=_length(loader),
        broken_off=left_after.count(counted) if counted else 0,
        left_after=counted,
        ordered=isinstance(sampler, SequentialSampler),
    )


def _partial(sampler: Any) -> bool:
    """Whether a sampler repeats samples, weights them, or takes the part of one process."""
    if isinstance(sampler, WeightedRandomSampler | DistributedSampler):
        return True
    return isinstance(sampler, RandomSampler) and sampler.replacement


def _kind(batches: Any, sampler: Any) -> str:
    plain = type(batches).__name__ in ("BatchSampler", "NoneType")
    return type(sampler).__name__ if plain else type(batches).__name__


def _passes(source: Any, total: int, deadline: float) -> dict[str, Any]:
    ever: set[int] = set()
    drawn = passes = 0
    for _ in range(PASSES):
        indices = set(islice(_indices(source), ENDLESS * total))
        ever |= indices
        drawn = drawn or len(indices)
        passes += 1
        if len(indices) >= total or time.monotonic() > deadline:
            break
    return {"drawn": drawn, "ever": len(ever), "passes": passes, "asked": content_hash(torch.tensor(sorted(ever)))}


def _indices(source: Any) -> Iterator[int]:
    for item in source:
        if isinstance(item, list | tuple | torch.Tensor):
            yield from (int(i) for i in item)
        else:
            yield int(item)


def _length(loader: Any) -> int:
    try:
        return len(loader)
    except Exception:  # noqa: BLE001 - a batch sampler of the user's own may have no length
        return -1
