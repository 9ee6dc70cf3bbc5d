"""Did a treatment help? From the numbers of a trial alone; the engine decides by it what to try next.

A loss has no unit, so a gain is measured in the way that the treated run has come: of what it learned since the start,
how much did the control not learn? That is the same for a loss of 0.1 and one of 1000.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nndoctor.records import Trial

CLEAR = 0.25
"""Share of the way from which on the gain is beyond what another order of the batches does to a loop that learns."""
SMALL = 0.1
"""Share below which a treatment has done nothing worth the name."""
LESS = 0.6
"""A loss that is this much smaller counts from `SMALL` on: near its end the way is long behind both."""
FAR_LESS = (0.2, 0.02)
"""A loss of a fifth or less counts from this share of the way on: both have come near the end, one much nearer."""
LEARNS = 0.05
"""Of the loss at the start: a run that gains less has not learned, and is no proof of anything."""
LEARNS_SCORE = 0.1
"""Of accuracy or R2, in points."""
WELL = 0.35
"""Of the loss at the start: a run that gets below learns well."""
WELL_SCORE = 0.85
"""Accuracy or R2 from which on a run learns well."""
REPETITIONS = 3


class Effect(StrEnum):
    """What a treatment did."""

    HELPED = "helped"
    NOTHING = "nothing"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Summary:
    """A trial in numbers: medians over its repetitions, and in how many the treated run was the better one."""

    effect: Effect
    control: float
    treated: float
    won: int
    of: int
    control_learns: bool
    cured: bool


def higher_is_better(metric: str) -> bool:
    """Whether a metric is a score rather than a loss."""
    return metric != "loss"


def gain(trial: Trial, control: float, treated: float) -> float:
    """Return the share of the treated run's way that the control has not come; 0 where the treated did not learn."""
    way = _way(trial, treated)
    least = LEARNS_SCORE if higher_is_better(trial.metric) else LEARNS * abs(trial.start)
    if not (way > 0 and way >= least and math.isfinite(way)):
        return 0.0
    lead = control - treated if trial.metric == "loss" else treated - control
    return 1.0 if not math.isfinite(lead) else max(-1.0, min(1.0, lead / way))


def summary(trial: Trial) -> Summary:
    """Return what a trial shows."""
    pairs = list(zip(trial.controls, trial.treated, strict=False))
    if not pairs:
        return Summary(Effect.UNCLEAR, math.nan, math.nan, 0, 0, control_learns=False, cured=False)
    gains = [gain(trial, c, t) for c, t in pairs]
    clear = sum(_clear(trial, c, t) for c, t in pairs)
    if len(pairs) >= REPETITIONS and min(gains) > 0 and clear > len(pairs) / 2:
        effect = Effect.HELPED
    elif 2 * clear < len(pairs) and (max(gains) < SMALL or (median(gains) < SMALL and min(gains) <= 0)):
        effect = Effect.NOTHING
    else:
        effect = Effect.UNCLEAR
    return Summary(
        effect,
        median(trial.controls[: len(pairs)]),
        median(trial.treated[: len(pairs)]),
        sum(g > 0 for g in gains),
        len(pairs),
        control_learns=all(learns_well(trial, c) for c, _ in pairs),
        cured=all(learns_well(trial, t) for _, t in pairs),
    )


def hopeless(trial: Trial) -> bool:
    """Whether the repetitions so far suffice to say that more of them will not show a clear gain."""
    pairs = list(zip(trial.controls, trial.treated, strict=False))
    return len(pairs) >= 2 and all(gain(trial, c, t) < SMALL and not _clear(trial, c, t) for c, t in pairs)


def _clear(trial: Trial, control: float, treated: float) -> bool:
    share = gain(trial, control, treated)
    if share >= CLEAR or trial.metric != "loss":
        return share >= CLEAR
    return any(share >= least and 0 <= treated <= part * control for part, least in ((LESS, SMALL), FAR_LESS))


def learns_well(trial: Trial, value: float) -> bool:
    """Whether a run that ended with this value is one that one would be content with."""
    if higher_is_better(trial.metric):
        return value >= WELL_SCORE
    return trial.start > 0 and value <= WELL * trial.start


def _way(trial: Trial, value: float) -> float:
    return trial.start - value if trial.metric == "loss" else value - max(trial.start, 0.0)
