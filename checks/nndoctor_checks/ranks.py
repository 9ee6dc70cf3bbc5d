"""What several ranks of one training show when they are laid side by side, step by step."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor import Skip
from nndoctor.records import Rank, RankState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor import Recording

SAME = 1e-3
"""Relative difference of two norms up to which they count as equal: far above what the order of a sum does."""


@dataclass(frozen=True, slots=True)
class Side:
    """One step of two ranks, side by side."""

    segment: int
    step: int
    one: RankState
    other: RankState


def ranks(run: Recording) -> list[Rank]:
    """Return all ranks of the first segment. Skips where there are not two, or where they train different things."""
    rows = sorted((row for row in run.rows(Rank) if row.segment == 0), key=lambda row: row.rank)
    if len(rows) < 2:
        raise Skip("only one process trained, or the others recorded nothing")
    if any(row.sharded for row in rows):
        raise Skip("the parameters are spread over the ranks: each holds others")
    if any((row.names, row.shapes) != (rows[0].names, rows[0].shapes) for row in rows):
        raise Skip("the ranks train different parameters")
    return rows


def sides(run: Recording) -> Iterator[Side]:
    """Yield every step of `observe` that two ranks recorded, rank 0 beside each of the others."""
    steps: defaultdict[tuple[int, int], dict[int, RankState]] = defaultdict(dict)
    for row in run.rows(RankState):
        if row.segment == 0:
            steps[row.segment, row.step][row.rank] = row
    for (segment, step), by_rank in sorted(steps.items()):
        first = by_rank.get(0)
        for rank, other in sorted(by_rank.items()):
            if first is not None and rank != 0:
                yield Side(segment, step, first, other)


def differing(one: Sequence[float], other: Sequence[float]) -> list[int]:
    """Return the positions at which two lists of norms differ; NaN equals NaN alone, non-finite ones are left out."""
    found = []
    for position, (a, b) in enumerate(zip(one, other, strict=False)):
        if math.isnan(a) != math.isnan(b) or (
            math.isfinite(a) and math.isfinite(b) and abs(a - b) > SAME * max(abs(a), abs(b))
        ):
            found.append(position)
    return found


def in_parallel(rows: Sequence[Rank]) -> bool:
    """Whether the ranks are meant to hold the same model: a DistributedDataParallel was built around it."""
    return any(row.wrapped for row in rows)


def communicates(row: Rank, steps: int) -> bool:
    """Whether the script sends about a gradient for each parameter in each step by itself."""
    return steps > 0 and row.communicated >= 0.5 * row.numel * steps
