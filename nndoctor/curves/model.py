"""Histories, and what can be said of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from nndoctor.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence


class Label(StrEnum):
    """The classes, as users read them."""

    UNDERFITTING = "underfitting"
    NOT_CONVERGED = "not-converged"
    OVERFITTING = "overfitting"
    NOISY_VALIDATION = "noisy-validation"
    VALIDATION_EASIER = "validation-easier"
    UNREPRESENTATIVE_TRAIN = "unrepresentative-train"
    DIVERGING = "diverging"
    PLATEAU = "plateau"
    GOOD_FIT = "good-fit"
    CANNOT_TELL = "cannot-tell"


SEVERITIES = {
    Label.DIVERGING: Severity.ERROR,
    Label.UNDERFITTING: Severity.WARNING,
    Label.OVERFITTING: Severity.WARNING,
    Label.UNREPRESENTATIVE_TRAIN: Severity.WARNING,
    Label.NOISY_VALIDATION: Severity.WARNING,
    Label.NOT_CONVERGED: Severity.NOTE,
    Label.VALIDATION_EASIER: Severity.NOTE,
    Label.PLATEAU: Severity.NOTE,
}
"""How bad a class is; a good fit and "cannot tell" are no findings."""

ADVICE = {
    Label.UNDERFITTING: "Let a larger model fit a few samples first; then raise the learning rate or weaken decay, "
    "dropout and augmentation.",
    Label.NOT_CONVERGED: "Train longer, or raise the learning rate: both curves were still falling.",
    Label.OVERFITTING: "Keep the weights of the best validation loss (early stopping); then more data, augmentation, "
    "weight decay or a smaller model.",
    Label.NOISY_VALIDATION: "Validate on more samples: differences smaller than the noise mean nothing.",
    Label.VALIDATION_EASIER: "Compute the training loss in eval mode as well; if it is still the higher one, see how "
    "the validation samples were chosen and whether they leak from the training data.",
    Label.UNREPRESENTATIVE_TRAIN: "Compare the two splits (sources, classes, dates, preprocessing); shuffle before "
    "splitting or add training data like that of the validation set.",
    Label.DIVERGING: "Lower the learning rate, clip gradients, add warm-up; `nndoctor check` traces NaN to its origin.",
    Label.PLATEAU: "Lower the learning rate earlier, or look at initialisation and warm-up if it stood still at the "
    "beginning.",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One curve. `x` is the step or epoch; `y` may hold NaN and Inf."""

    x: Sequence[float]
    y: Sequence[float]
    name: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """The curves of one run. Where `higher_is_better`, train and validation are scores instead of losses.

    The metric (accuracy or R2, by its name) only serves to tell an underfit from a good fit.
    """

    train: Series | None = None
    validation: Series | None = None
    metric: Series | None = None
    """A metric on the training data, whose scale is known: an accuracy (0 to 1 or 100) or R2."""
    higher_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A class with the numbers that decided it.

    `best` is where early stopping would have kept the weights: the x of the lowest smoothed validation loss (of the
    training loss where there is none); None where nothing can be told. `confidence` is the share of nine readings that
    gave the same class: all points and each half of them, with thresholds as they are, a quarter lower and higher.
    `also` names classes whose own condition holds besides.
    """

    label: Label
    why: str
    confidence: float = 0.0
    best: float | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    also: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """How bad it is; None for a good fit and where it cannot be told."""
        return SEVERITIES.get(self.label)
