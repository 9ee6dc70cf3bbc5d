"""The rungs of `nndoctor ladder`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung(Record):
    """The script's own loop, trained on `samples` of its samples from the start state.

    `outcome` is `fitted`, `learnt` (not by heart, but what was learnt holds for the held-out samples), `stuck`, or
    `falling` (the time was over while the loss still fell). `loss`, `score` are the means of the last pass,
    `first_loss` is the loss before the first step. `seconds` is the time of one iteration, the engine's own included.
    `held_out` is how many other samples the trained network was tried on afterwards, in eval mode where the loop leaves
    it in it. NaN where there is none.
    """

    KEY: ClassVar[tuple[str, ...]] = ("samples",)

    samples: int = 0
    batches: int = 0
    steps: int = 0
    outcome: str = ""
    seconds: float = math.nan
    first_loss: float = math.nan
    loss: float = math.nan
    score: float = math.nan
    held_out: int = 0
    held_out_loss: float = math.nan
    held_out_score: float = math.nan
