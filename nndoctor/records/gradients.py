"""Gradients that were compared with finite differences."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientCheck(Placed):
    """A custom `autograd.Function`, called again in float64 on what it was called with, for one of its inputs.

    `whole`: not a function but the loss, as the loop computes it on one batch in float64; the directions are then those
    of the parameters that have a gradient (the gradient's own, and random ones), and the place is that of `backward`.

    In `directions` random directions its backward was compared with central differences of its forward: `error` is
    norm(backward - differences) / the larger of both norms, `backward` and `numeric` are the two norms. `unsteady` is
    how far differences with two step sizes are apart, relative: large at kinks. `unchanged` is the share of the
    values that the forward passes on as they are (-1 where shapes differ). `why` says why it could not be compared.
    The place is that of its `backward`.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name", "input", "whole")

    name: str = ""
    input: int = 0
    directions: int = 0
    error: float = math.nan
    backward: float = math.nan
    numeric: float = math.nan
    unsteady: float = math.nan
    unchanged: float = -1.0
    why: str = ""
    whole: bool = False
