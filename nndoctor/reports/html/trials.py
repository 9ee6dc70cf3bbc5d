"""What a trial showed, with its runs side by side: each as it is and treated, on one axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.choice import treatments_of
from nndoctor.effects import gain, higher_is_better
from nndoctor.proof import METRICS, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.diagnose import Entry
    from nndoctor.proof import Proof
    from nndoctor.records import Trial

HEADINGS = {
    "confirmed": "Confirmed by a trial",
    "refuted": "Refuted by a trial",
    "slight": "Treating it helps a little",
    "explained": "Explained by a trial",
    "harmless": "No harm seen by a trial",
    "unrelieved": "No relief by a trial",
    "inconclusive": "Not decided by a trial",
    "skipped": "Not tried",
    "untried": "Not tried",
}
WIDE = 30.0
"""Ratio of the largest to the smallest value from which on the axis is logarithmic."""
MARGIN = 5.0
"""Per cent of the axis left free at either end."""


@dataclass(frozen=True, slots=True)
class Run:
    """One repetition: numbers as text, and their places on the axis in per cent."""

    control: str
    treated: str
    control_at: float
    treated_at: float
    better: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """What was measured, and where it stood before the first step."""

    metric: str
    better: str
    """`lower` or `higher`."""
    start: str
    start_at: float | None
    is_log: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of treating the cause of a finding. `runs` is empty where nothing was tried."""

    outcome: str
    heading: str
    text: str
    runs: tuple[Run, ...] = ()
    axis: Axis | None = None


def tried(entry: Entry, *, any_trials: bool) -> Tried | None:
    """Return what the trials say of a finding; None where there is nothing that one would miss."""
    if entry.proof is not None:
        return _told(entry.proof)
    if any_trials and treatments_of(entry.check, entry.finding) and not entry.explained_by:
        return Tried("untried", HEADINGS["untried"], "")
    return None


def _told(proof: Proof) -> Tried:
    outcome, sentence = proof.outcome, proof.sentence
    if outcome == "skipped":
        return Tried(outcome, HEADINGS[outcome], _capital(sentence.removeprefix("not tried ")))
    text = _capital(sentence.partition(": ")[2]).replace(" -> ", " \N{RIGHTWARDS ARROW} ")
    runs, axis = _drawn((proof.cure or proof).trial)
    return Tried(outcome, HEADINGS[outcome], text, runs, axis)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _drawn(trial: Trial) -> tuple[tuple[Run, ...], Axis]:
    pairs = list(zip(trial.controls, trial.treated, strict=False))
    finite = [v for v in (trial.start, *trial.controls, *trial.treated) if math.isfinite(v)]
    is_log = bool(finite) and min(finite) > 0 and max(finite) > WIDE * min(finite)
    at = _scale(finite, is_log=is_log)
    runs = tuple(Run(shown(c), shown(t), at(c), at(t), gain(trial, c, t) > 0) for c, t in pairs)
    known = math.isfinite(trial.start)
    axis = Axis(
        metric=f"{METRICS.get(trial.metric, trial.metric)} after {trial.steps} steps",
        better="higher" if higher_is_better(trial.metric) else "lower",
        start=shown(trial.start) if known else "",
        start_at=at(trial.start) if known else None,
        is_log=is_log,
    )
    return runs, axis


def _scale(finite: list[float], *, is_log: bool) -> Callable[[float], float]:
    """Return what gives a value's place in per cent; what is not finite stands at the far end."""
    scaled: Callable[[float], float] = math.log if is_log else float
    low, high = (scaled(min(finite)), scaled(max(finite))) if finite else (0.0, 1.0)

    def at(value: float) -> float:
        if not math.isfinite(value):
            return 100.0 - MARGIN / 2
        share = (scaled(value) - low) / (high - low) if high > low else 0.5
        return round(MARGIN + share * (100.0 - 2 * MARGIN), 1)

    return at
