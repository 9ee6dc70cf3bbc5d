"""Location and scale of an input over its batches, and how far apart those of two splits lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from nndoctor_checks.batches import is_float, samples, width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.records import Batch


LARGEST = 1e30
"""Larger numbers are as good as infinite, and their squares are."""


def judged(row: Batch) -> bool:
    """Whether a leaf holds floating-point data whose statistics are known.

    A vector has one number per sample: lengths, time steps and the like, which may be as they are.
    """
    numbers = (row.mean, row.std, row.min, row.max, *row.dim_mean, *row.dim_std)
    known = all(abs(number) <= LARGEST for number in numbers) and row.std >= 0 and not row.non_finite
    return known and is_float(row) and len(row.shape) >= 2 and width(row) > 0


@dataclass(frozen=True, slots=True)
class Profile:
    """Location and scale of one leaf over its batches; `columns` holds those of a table's columns.

    Medians over the batches, so that one wild sample does not move them; the scale includes how far the batches lie
    apart, for data that comes in order.
    """

    mean: float
    std: float
    min: float
    max: float
    rows: int
    columns: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> Profile:
        """Return the profile of batches of finite statistics, at least one."""
        count = len(batches[0].dim_mean)
        tables = [b for b in batches if len(b.dim_mean) == len(b.dim_std) == count]
        columns = [([b.dim_mean[i] for b in tables], [b.dim_std[i] for b in tables]) for i in range(count) if tables]
        means, stds = [b.mean for b in batches], [b.std for b in batches]
        return cls(
            mean=median(means),
            std=_scale(means, stds),
            min=min(b.min for b in batches),
            max=max(b.max for b in batches),
            rows=sum(map(samples, batches)),
            columns=tuple((median(m), _scale(m, s)) for m, s in columns),
        )


def _scale(means: Sequence[float], stds: Sequence[float]) -> float:
    center = fmean(means)
    return math.hypot(median(stds), math.sqrt(fmean((m - center) ** 2 for m in means)))


def distance(was: Profile, now: Profile) -> float:
    """Return how far the means lie apart, in deviations of the first; of a table, that of the middle column."""
    gaps = _gaps(was, now)
    return median(gaps) if gaps else abs(now.mean - was.mean) / was.std


def scale_factor(was: Profile, now: Profile) -> float:
    """Return the quotient of the scales; of a table, that of the middle column."""
    if _gaps(was, now):
        return median(n / w for (_, w), (_, n) in zip(was.columns, now.columns, strict=True) if w > 0)
    return now.std / was.std


def columns_apart(was: Profile, now: Profile, far: float) -> bool:
    """Whether three of four columns of a table moved that far: drift takes some, a forgotten scaler takes all."""
    gaps = _gaps(was, now)
    return bool(gaps) and sum(gap >= far for gap in gaps) >= 0.75 * len(gaps)


def stretched(was: Profile, now: Profile, ratio: float, *, tails: float = 0.18) -> bool:
    """Whether all values were rescaled as one: deviation and range changed by the same factor, above `ratio`.

    The greatest of all values is not known well: the two factors may differ by the share `tails`.
    """
    before, after = was.max - was.min, now.max - now.min
    if not before > 0 or not after > 0 or not now.std > 0:
        return False
    factor, wide = now.std / was.std, after / before
    return not 1 / ratio < factor < ratio and 1 / (1 + tails) <= factor / wide <= 1 + tails


def _gaps(was: Profile, now: Profile) -> list[float]:
    """Return how far each column moved, in its deviations; none if these are not two tables of the same columns."""
    if len(was.columns) != len(now.columns) or len(was.columns) < 2:
        return []
    return [abs(n - w) / std for (w, std), (n, _) in zip(was.columns, now.columns, strict=True) if std > 0]
