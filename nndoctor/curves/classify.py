"""From a history to its class."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from nndoctor.curves.features import Measured, measure
from nndoctor.curves.model import Label, Verdict
from nndoctor.curves.rules import decide, poor_metric, rises
from nndoctor.curves.shape import FEWEST

if TYPE_CHECKING:
    from nndoctor.curves.model import History

PARTS = (slice(None), slice(0, None, 2), slice(1, None, 2))
STRICTNESS = (1.0, 0.8, 1.25)


def classify(history: History) -> Verdict:
    """Say what the curves of one run show.

    All points and each half of them are judged. Where these three disagree the answer is "cannot tell", so that a
    history never changes from one class to another by keeping every second point of it.
    """
    measured = [measure(history, part) for part in PARTS]
    whole = measured[0]
    readings = [[decide(m.features, k, accuracy=m.metric_is_accuracy) for k in STRICTNESS] for m in measured]
    label, also = readings[0][0]
    numbers = {n: float(v) for n, v in asdict(whole.features).items() if math.isfinite(v)}
    notes = _notes(whole)
    if label is Label.CANNOT_TELL:
        return Verdict(label, _unknown(whole), numbers=numbers, notes=notes)
    named = [[each for each, _ in row] for row in readings]
    votes = Counter(each for row in named for each in row if each is not Label.CANNOT_TELL)
    other = next((r[0] for r in named[1:] if r[0] not in (label, Label.CANNOT_TELL)), None)
    if other is not None:
        why = f"all points say {label}, every second point says {other}: too close to call"
        return Verdict(Label.CANNOT_TELL, why, best=whole.best, numbers=numbers, also=(label, other), notes=notes)
    return Verdict(
        label, _why(label, whole), votes[label] / votes.total(), whole.best, numbers, also, notes
    )  # fmt: skip


def _notes(m: Measured) -> tuple[str, ...]:
    notes = []
    if m.units_differ:
        notes.append("training and validation count x in different units; both are taken to span the run")
    if m.restarts:
        notes.append("x goes back: of what was written twice, the later part counts")
    return tuple(notes)


def _unknown(m: Measured) -> str:
    f = m.features
    if f.points_train < FEWEST and f.points_validation < FEWEST:
        return f"{f.points_train} training and {f.points_validation} validation points; {FEWEST} are needed"
    missing = "validation" if f.points_validation < FEWEST else "training"
    return f"the loss has levelled off, and there is no {missing} loss beside it to compare with"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _why(label: Label, m: Measured) -> str:
    f = m.features
    best = f"{m.best:g}" if m.best is not None else "?"
    match label:
        case Label.DIVERGING if f.lost:
            return f"the training loss is NaN or Inf from x = {m.lost_at:g} on"
        case Label.DIVERGING:
            return f"the training loss ends {_percent(f.train_rise)} of its largest movement above its lowest"
        case Label.UNDERFITTING if f.points_train and not _flat_words(m):
            return f"the score on the training data itself ends at {f.metric:.2g}"
        case Label.UNDERFITTING:
            return (
                f"the training loss fell by {max(f.learned, 0):.2g} standard deviations of its noise: it did not learn"
            )
        case Label.OVERFITTING if rises(f, 1.0):
            return f"the validation loss rose by {_percent(f.validation_rise)} of the fall after its best at x = {best}"
        case Label.OVERFITTING:
            return (
                f"the gap grew by {_percent(f.widened)} of the fall after the validation loss had come down "
                f"(best at x = {best})"
            )
        case Label.NOISY_VALIDATION:
            return f"one validation value is uncertain by {_percent(f.noise)} of all that was learned"
        case Label.NOT_CONVERGED:
            late = f.train_late if math.isfinite(f.train_late) else f.validation_late
            return f"{_percent(late)} of the fall happened from the last but one tenth of the run to the last"
        case Label.PLATEAU:
            low, high = m.stood_x or (math.nan, math.nan)
            return f"the loss stood still from x = {low:g} to {high:g} and then fell by {_percent(f.after)} more"
        case Label.VALIDATION_EASIER:
            return f"the validation loss ends {_percent(-f.gap)} of the fall below the training loss"
        case Label.UNREPRESENTATIVE_TRAIN:
            return f"both losses came to rest {_percent(f.gap)} of the fall apart"
        case _:
            return f"both losses came to rest, {_percent(abs(f.gap))} of the fall apart"


def _flat_words(m: Measured) -> bool:
    """Whether an underfit is told by the loss rather than by the metric."""
    f = m.features
    return f.learned < 0.5 or f.learned_z < 3.0 or not poor_metric(f, 1.0, accuracy=m.metric_is_accuracy)
