"""The names of experiments and splits, and what every record has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

OBSERVE = "observe"
"""The experiment in which the script trains on its own batches from its own start state."""
OBSERVE_TENTH = "observe:x0.1"
"""The batches of `observe` again at a tenth of the learning rate; run if the loss rose in `observe`."""
COAST = "coast"
"""What the script does by itself after the experiments: validation, later epochs cut to a few batches, its end."""
OVERFIT = "overfit"
"""One small batch again and again at the user's learning rate; `overfit:x0.1`, `overfit:x10` at others."""
TRACE = "trace"
"""The steps up to the first NaN or Inf once more, every operation looked at."""
RANDOM_INPUT = "random-input"
"""The batches of `observe` with every input feature permuted across the batch, from the same start state."""

STAND_IN = "stand-in"
"""Batches like those of `observe` whose inputs were made from their targets; run if the script cannot learn."""
ALONE = "alone:"
"""One term of the loss alone, `alone:0`, `alone:1`, ...; run if the script cannot learn and its loss has several."""
GRADIENT_CHECK = "gradient-check"
"""One batch in float64, the parameters moved a little: differences of the loss, to compare its gradient with."""
LR_SWEEP = "lr-sweep"
"""The batches of `observe` from the start state, the learning rate rising with every step."""

TRAIN = "train"
VALIDATION = "validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something observed in one run.

    `experiment` names the diet that the loop was on. `segment` counts the phases of the script (a new optimizer begins
    a new one: pre-training, then fine-tuning). `step` counts training iterations inside an experiment, from 0.
    """

    KEY: ClassVar[tuple[str, ...]] = ()
    """Fields that identify a row; a later row with the same values replaces the earlier one. Empty: append only."""

    experiment: str = OBSERVE
    segment: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed(Record):
    """A record that knows the line of the user's code that caused it. `file` is empty where none is known."""

    file: str = ""
    line: int = 0
    function: str = ""
