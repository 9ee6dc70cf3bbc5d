"""The condition of each class, in the order in which they are asked.

`k` multiplies the thresholds: 1, or 0.8 and 1.25 to see how near a decision was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.curves.model import Label
from nndoctor.curves.shape import FEWEST

if TYPE_CHECKING:
    from nndoctor.curves.features import Features

SURE = 3.0
"""Standard errors from which on a difference is no chance; more where few points have to tell the error as well."""
FEW = 5.0
"""With so many points it takes twice as many standard errors."""
NOT_LEARNED = 0.5
"""Standard deviations of one point: a training loss that fell by less has learned nothing to speak of."""
DIVERGED = 0.25
RISEN = 0.06
"""A validation loss that rose by this share of the fall is past its best."""
WIDENED = 0.12
WIDE = 0.15
"""A gap of this share of the fall between levelled curves is more than the usual cost of unseen samples."""
EASIER = 0.06
STILL_FALLING = 0.02
"""Share of the whole fall from the last but one tenth of the run to the last; a fall that goes on evenly has 0.1."""
NOISY = 0.08
STANDSTILL = 0.25
AFTER = 0.15
LOW_ACCURACY = 0.5
LOW_R2 = 0.25
STUCK = 0.1
STUCK_BELOW = 0.75


def sure(points: int, k: float) -> float:
    """Return how many standard errors it takes with so many points."""
    return SURE * k * (1.0 + FEW / max(points, 1))


def diverging(f: Features, k: float) -> bool:
    """The training loss ends high above its lowest, or in NaN.

    One that only jumped at first and came to rest there has not learned, but does not diverge.
    """
    rose = f.train_rise >= DIVERGED * k and f.train_rise_z >= sure(f.points_train, k)
    return f.lost or (rose and (f.train_fell >= 0.1 or f.train_climbs >= DIVERGED * k))


def flat(f: Features, k: float) -> bool:
    """The training loss did not fall, measured by its own noise; a validation loss that falls says otherwise."""
    return f.learned < NOT_LEARNED * k or f.learned_z < sure(f.points_train, k)


def rises(f: Features, k: float) -> bool:
    """The validation loss ends above its best and above the training loss."""
    risen = f.validation_rise >= RISEN * k and f.validation_rise_z >= sure(f.points_validation, k)
    return risen and not f.gap <= 0


def overfitting(f: Features, k: float) -> bool:
    """The validation loss rose after its best, or stood while the training loss went on falling far below it."""
    apart = (
        not noisy(f, k) and f.widened >= WIDENED * k and f.gap >= WIDE * k and f.gap_z >= sure(f.points_validation, k)
    )
    return rises(f, k) or (apart and not f.validation_late >= STILL_FALLING)


def noisy(f: Features, k: float) -> bool:
    """One validation value is uncertain by a good part of what was learned, and more so than the training loss."""
    return f.noise >= NOISY * k and not f.noise_ratio < 2.0 * k


def still_falling(f: Features, k: float) -> bool:
    """The losses that there are were still falling at the end."""

    def falls(late: float, z: float, points: int) -> bool:
        return late >= STILL_FALLING * k and z >= sure(points, k)

    validation = falls(f.validation_late, f.validation_late_z, f.points_validation)
    if not f.points_train >= FEWEST:
        return validation
    if not falls(f.train_late, f.train_late_z, f.points_train):
        return False
    return validation or f.points_validation < FEWEST or f.validation_late >= 0.4 * f.train_late


def stood_still(f: Features, k: float) -> bool:
    """The training loss stood for a good part of the run and then fell further."""
    return f.stood >= STANDSTILL * k and f.after >= AFTER * k


def poor_metric(f: Features, k: float, *, accuracy: bool) -> bool:
    """The score on the very samples that were trained on stayed low."""
    stuck = f.metric_gain < STUCK * k and f.metric < STUCK_BELOW
    return f.metric < (LOW_ACCURACY if accuracy else LOW_R2) * k or (accuracy and stuck)


def easier(f: Features, k: float) -> bool:
    """The validation loss ends clearly below the training loss, and was so throughout the second half."""
    return f.gap <= -EASIER * k and f.gap_z >= sure(f.points_validation, k) and f.below >= 0.8


def wide_gap(f: Features, k: float) -> bool:
    """Both losses came to rest, far from each other."""
    return f.gap >= WIDE * k and f.gap_z >= sure(f.points_validation, k)


def decide(f: Features, k: float = 1.0, *, accuracy: bool = True) -> tuple[Label, tuple[Label, ...]]:
    """Return the class and the others whose condition holds as well. Comparisons with NaN do not hold."""
    train, validation = f.points_train >= FEWEST, f.points_validation >= FEWEST
    if f.lost and not train:
        return Label.DIVERGING, ()
    if not train and not validation:
        return Label.CANNOT_TELL, ()
    falls = still_falling(f, k)
    held = {
        Label.DIVERGING: diverging(f, k),
        Label.OVERFITTING: overfitting(f, k),
        Label.UNDERFITTING: train and flat(f, k),
        Label.NOISY_VALIDATION: noisy(f, k),
        Label.PLATEAU: stood_still(f, k),
        Label.NOT_CONVERGED: falls,
        Label.VALIDATION_EASIER: easier(f, k),
        Label.UNREPRESENTATIVE_TRAIN: wide_gap(f, k),
    }
    if held[Label.UNDERFITTING]:
        # Beside a curve without any fall, shares of the fall mean nothing.
        found = [label for label in (Label.DIVERGING, Label.UNDERFITTING) if held[label]]
        return found[0], tuple(found[1:])
    found = [label for label, holds in held.items() if holds]
    poor = poor_metric(f, k, accuracy=accuracy)
    if poor and not {Label.DIVERGING, Label.NOT_CONVERGED} & {*found} and not rises(f, k):
        found.insert(0, Label.UNDERFITTING)
    if found:
        return found[0], tuple(found[1:])
    return (Label.GOOD_FIT if train and validation else Label.CANNOT_TELL), ()
