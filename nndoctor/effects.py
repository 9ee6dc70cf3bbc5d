"""Did a treatment help? From the numbers of a trial alone; the engine decides by it what to try next.

A loss has no unit, so a gain is measured in the way that the treated run has come: of what it learned since the start,
how much did the control not learn? That is the same for a loss of 0.1 and one of 1000.

Repetitions go on until the outcome is clear, and are judged by a test that is made for that, Wald's sequential
probability ratio test (Wald 1945, Sequential Tests of Statistical Hypotheses): each repetition is a vote for (a clear
gain), against (none), or neither. With votes that go the wrong way at most one time in ten, the odds are 9 to 1 a
vote, and `FOR` and `AGAINST` are the bounds of a walk (gambler's ruin): to reach +3 before -2 by chance has a
probability of (9^2 - 1) / (9^5 - 1) = 0.14 %, to reach -2 before +3 although the treatment helps one of 1.2 %. Where
the time is over at `SUFFICES`, the former is (9^2 - 1) / (9^4 - 1) = 1.2 %.
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
NEARER = (0.8, 0.02)
"""A loss that is less by a fifth but has come less than `SMALL` further counts neither way from this share on."""
RISEN = 0.5
"""Of the loss at the start: a run that ends this far above its start, or in no number at all, has come to harm."""
HELD = 0.05
"""Of the loss at the start: a run that ends at most this far above it has not."""
FALLING = 1e3
"""Times the loss at the start: one that has fallen so far below it has no floor, and is not learned any more."""
LEARNS = 0.05
"""Of the loss at the start: a run that gains less has not learned, and is no proof of anything."""
LEARNS_SCORE = 0.1
"""Of accuracy or R2, in points."""
WELL = 0.35
"""Of the loss at the start: a run that gets below learns well."""
WELL_SCORE = 0.85
"""Accuracy or R2 from which on a run learns well."""
FOR = 3
"""Votes for, above those against, after which no more are asked for."""
SUFFICES = 2
"""Votes for, above those against, that make a treatment helpful: where there was no time for `FOR`."""
AGAINST = 2
"""Votes against, above those for, that make it one that does nothing."""
MOST = 7
"""Repetitions after which it stays open."""
SIGNS = 5
"""Repetitions, all of them better, that show a gain that is not clear: 0.5^5 = 3.1 % by chance (sign test)."""
REPETITIONS = FOR
"""Repetitions that time is planned for."""


class Effect(StrEnum):
    """What a treatment did."""

    HELPED = "helped"
    SLIGHT = "slight"
    """It helps, and makes no clear difference: a little, in every repetition of many."""
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
    """The untreated run has come so far that one would be content with it."""
    cured: bool
    """The treated run has."""
    control_moves: bool = False
    """The untreated run learns, well or not: the floor of a loss (a VAE's, a language model's) is not known."""


def higher_is_better(metric: str) -> bool:
    """Whether a metric is a score rather than a loss."""
    return metric != "loss"


def gain(trial: Trial, control: float, treated: float) -> float:
    """Return the share of the treated run's way that the control has not come; 0 where the treated did not learn.

    1 where the control has come to harm, and the treated run has not: that is worth all that it may learn later.
    """
    if _harmed(trial, control) and treated <= trial.start + HELD * abs(trial.start):
        return 1.0
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
    lead = vote(trial)
    if lead >= SUFFICES:
        effect = Effect.HELPED
    elif lead <= -AGAINST:
        # A run that still diverges, but far less, has not been treated enough: that refutes nothing.
        effect = Effect.UNCLEAR if all(_milder(trial, c, t) for c, t in pairs) else Effect.NOTHING
    elif len(pairs) >= SIGNS and min(gains) > 0:
        effect = Effect.SLIGHT
    else:
        effect = Effect.UNCLEAR
    return Summary(
        effect,
        median(trial.controls[: len(pairs)]),
        median(trial.treated[: len(pairs)]),
        sum(g > 0 for g in gains),
        len(pairs),
        control_learns=all(learns_well(trial, c) for c, _ in pairs),
        control_moves=all(learns_well(trial, c) or _moves(trial, c) for c, _ in pairs),
        cured=learns_well(trial, trial.later) or all(learns_well(trial, t) for _, t in pairs),
    )


def settled(trial: Trial) -> bool:
    """Whether the repetitions so far suffice: one bound is reached, or there have been as many as there are to be."""
    done, lead = min(len(trial.controls), len(trial.treated)), vote(trial)
    return done >= MOST or lead >= FOR or lead <= -AGAINST or (done > 0 and summary(trial).effect is Effect.SLIGHT)


def worsens(trial: Trial) -> bool:
    """Whether the treated runs fall behind the untreated ones by more than is worth the name, or come to harm."""
    pairs = list(zip(trial.controls, trial.treated, strict=False))
    return bool(pairs) and all(gain(trial, t, c) >= SMALL for c, t in pairs)


def _harmed(trial: Trial, control: float) -> bool:
    """Whether a loss has risen far above its start, or is no number any more."""
    if trial.metric != "loss" or not math.isfinite(trial.start):
        return False
    return not math.isfinite(control) or control - trial.start > RISEN * abs(trial.start)


def _milder(trial: Trial, control: float, treated: float) -> bool:
    """Whether both have diverged, the treated run far less."""
    return trial.metric == "loss" and trial.start < treated <= FAR_LESS[0] * control and control > 0


def vote(trial: Trial) -> int:
    """Return what the repetitions so far say: the votes for less those against."""
    return sum(_vote(trial, c, t) for c, t in zip(trial.controls, trial.treated, strict=False))


def _vote(trial: Trial, control: float, treated: float) -> int:
    """Return 1 for a clear gain, -1 for none, 0 for one between."""
    if _clear(trial, control, treated):
        return 1
    share = gain(trial, control, treated)
    part, least = NEARER
    nearer = trial.metric == "loss" and share >= least and 0 <= treated <= part * control
    return 0 if share >= SMALL or nearer else -1


def _clear(trial: Trial, control: float, treated: float) -> bool:
    share = gain(trial, control, treated)
    if share >= CLEAR or trial.metric != "loss":
        return share >= CLEAR
    return any(share >= least and 0 <= treated <= part * control for part, least in ((LESS, SMALL), FAR_LESS))


def learns_well(trial: Trial, value: float) -> bool:
    """Whether a run that ended with this value is one that one would be content with."""
    if higher_is_better(trial.metric):
        return value >= WELL_SCORE
    return 0 < trial.start < math.inf and value <= WELL * trial.start


def _moves(trial: Trial, value: float) -> bool:
    if trial.metric == "loss" and value < trial.start - FALLING * max(1.0, abs(trial.start)):
        return False  # a loss without a floor, such as one whose sign is wrong: that is not learning
    least = CLEAR if higher_is_better(trial.metric) else CLEAR * abs(trial.start)
    return math.isfinite(value) and _way(trial, value) >= least


def _way(trial: Trial, value: float) -> float:
    return trial.start - value if trial.metric == "loss" else value - max(trial.start, 0.0)
