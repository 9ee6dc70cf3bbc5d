"""What the script's own evaluations gave, over the course of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nndoctor.records.base import VALIDATION, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Record):
    """One pass without gradients over a split, between two training steps (`step` is the next one).

    `loss` is the mean over its `samples`. `metric` names what `score` is (`accuracy`), empty where there is none.
    `split` is empty where it could not be told from the training split.
    """

    split: str = VALIDATION
    epoch: int = 0
    loss: float = math.nan
    metric: str = ""
    score: float = math.nan
    samples: int = 0
