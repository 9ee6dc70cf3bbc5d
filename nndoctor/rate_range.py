"""What the learning-rate range test says: where the loss begins to fall, falls steepest, and rises again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from nndoctor.records import LR_SWEEP, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.recording import Recording

SMOOTHING = 0.7
"""Weight of the past in the running mean of the loss; with eight rates a decade it lags by a third of a decade."""
CLEAR_FALL = 0.05
"""Share of the loss that must go away before it counts as falling."""
FEWEST = 16
"""Rates below which no curve can be made out; two decades."""


@dataclass(frozen=True, slots=True)
class RateRange:
    """Learning rates found by a range test. `diverges` is infinite where the loss did not rise again."""

    begins: float
    """From here on the loss falls, as far as a few steps at each rate show."""
    steepest: float
    lowest: float
    """Here the loss was lowest; higher rates gain nothing."""
    diverges: float
    fall: float
    """Share of the loss that went away."""


def usable(rates: Sequence[float], losses: Sequence[float]) -> RateRange | None:
    """Return the range in which the loss fell, None if it did not fall beyond the noise of its batches.

    `rates` rise; the first loss that is not finite counts as divergence, and so does one that takes back half of what
    was gained.
    """
    good = next((i for i, v in enumerate(losses) if not math.isfinite(v)), len(losses))
    if good < FEWEST or not all(0 < r < math.inf for r in rates[:good]):
        return None
    early = losses[: good // 4]
    start = median(early)
    noise = 1.5 * median(abs(v - start) for v in early)  # the standard deviation, if it is normal
    smooth = _smoothed(losses[:good])
    low = min(range(good), key=smooth.__getitem__)
    gained = start - smooth[low]
    if not gained > max(CLEAR_FALL * abs(start), 2.0 * noise):
        return None
    begins = low
    while begins > 0 and smooth[begins - 1] < start - 0.1 * gained:
        begins -= 1
    slopes = {i: smooth[i] - smooth[i - 1] for i in range(max(1, begins), low + 1)}
    steepest = min(slopes, key=slopes.__getitem__, default=low)
    risen = next((i for i in range(low + 1, good) if smooth[i] > smooth[low] + 0.5 * gained), None)
    beyond = rates[good] if good < min(len(rates), len(losses)) else math.inf
    diverges = beyond if risen is None else rates[risen]
    fall = gained / abs(start) if start else math.inf
    return RateRange(rates[begins], rates[steepest], rates[low], diverges, fall)


def sweep(run: Recording, segment: int) -> list[Step]:
    """Return the steps of the experiment `lr-sweep` in a phase of the script, one for each rate, the rates rising."""
    rising: list[Step] = []
    for step in run.rows(Step):
        if step.experiment != LR_SWEEP or step.segment != segment or step.optimizer_steps == 0:
            continue
        if not rising or step.lr > rising[-1].lr:  # several iterations a step share one rate
            rising.append(step)
    return rising


def swept(run: Recording, segment: int) -> RateRange | None:
    """Return what the experiment `lr-sweep` found in a phase of the script."""
    steps = sweep(run, segment)
    return usable([s.lr for s in steps], [s.loss for s in steps])


def _smoothed(losses: Sequence[float]) -> list[float]:
    """Return the running mean, corrected for its beginning at zero."""
    mean, smooth = 0.0, []
    for i, loss in enumerate(losses):
        mean = SMOOTHING * mean + (1.0 - SMOOTHING) * loss
        smooth.append(mean / (1.0 - SMOOTHING ** (i + 1)))
    return smooth
