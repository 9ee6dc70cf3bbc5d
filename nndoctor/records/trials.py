"""What came of treating the loop from outside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Record

TRIAL = "trial:"
"""Experiments of a trial begin with this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Record):
    """One treatment against the untreated control: same start state, same batches, same random numbers.

    `treatment` names it, `checks` those whose finding it was tried for. `with_others` are the treatments that control
    and treated run had in common; `jointly` those that were tried together with this one because none helped alone.
    `metric` is what was measured (`loss`, `accuracy`, `r2`) on `measured` batches, the same on both sides, after
    `steps` steps: `start` before the first of them, `controls` and `treated` one value for each repetition (another
    order of batches and other random numbers). Infinity stands for a run that did not stay finite. `alone` is what the
    treatment came to without `with_others`, where it made it worse and they were added for that. `later` is what
    a treated run came to in `later_steps`, where the others were short because the difference showed soon. `skipped`
    says why there was no trial.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "treatment")

    treatment: str = ""
    checks: tuple[str, ...] = ()
    with_others: tuple[str, ...] = ()
    jointly: tuple[str, ...] = ()
    metric: str = "loss"
    steps: int = 0
    measured: int = 0
    start: float = math.nan
    controls: tuple[float, ...] = ()
    treated: tuple[float, ...] = ()
    alone: float = math.nan
    later: float = math.nan
    later_steps: int = 0
    seconds: float = 0.0
    skipped: str = ""
