"""What became of weights that the script loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWeights(Placed):
    """One call of `load_state_dict` on a module: what was in it, and what of it was there when training began.

    The state dict has `keys` entries, the module `own` parameters and buffers, `matched` names are in both. `aliased`
    counts the matched tensors that are the module's own memory, so that loading them changes nothing. Of the
    `parameters` loaded, `overwritten` had other values in the next backward pass, without another load or a step of
    an optimizer; -1 before that. `trained`: training had begun when it was loaded.
    """

    KEY: ClassVar[tuple[str, ...]] = ("number",)

    number: int = 0
    module: str = ""
    keys: int = 0
    own: int = 0
    matched: int = 0
    aliased: int = 0
    parameters: int = 0
    overwritten: int = -1
    trained: bool = False
    example: str = ""
    """A name in the state dict that the module does not have."""
    own_example: str = ""
    """A name of the module that the state dict does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedNorm(Placed):
    """The first BatchNorm of a model with loaded weights, in the first training step: does the data fit?

    Written where all that runs before it was loaded too. `shift` is the median over the channels of the distance of
    the batch's mean from the loaded running mean, in loaded standard deviations; `spread` that of the ratio of the
    batch's standard deviation to the loaded one. `low` and `high` are the range of the model's first input. The place
    is that of the model's call.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module")

    module: str = ""
    channels: int = 0
    values: int = 0
    """By channel, in the batch."""
    shift: float = math.nan
    spread: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedInput(Placed):
    """What a model with loaded weights gets in its first training pass, and what the weights declare of it.

    They declare in `source` that pixels from 0 to `top` have `mean` taken off and are divided by `std`, by channel
    (one entry: the same for all), and have the height and width `size` (empty: any). `at` is `input` for what the model
    `module` is called with, `layer` for what reaches the first layer with weights in it, `layer`. `got_low` and
    `got_high` are the 1st and the 99th percentile by channel, `values` how many values of a channel were looked at.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module", "at")

    module: str = ""
    at: str = "input"
    layer: str = ""
    source: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    top: float = 1.0
    size: tuple[int, ...] = ()
    got_mean: tuple[float, ...] = ()
    got_std: tuple[float, ...] = ()
    got_low: tuple[float, ...] = ()
    got_high: tuple[float, ...] = ()
    minimum: float = math.nan
    maximum: float = math.nan
    got_size: tuple[int, ...] = ()
    values: int = 0
