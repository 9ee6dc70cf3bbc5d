"""What is kept to be looked at: distributions of tensors, samples as the first layer got them, the user's code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Record

FIRST = "first"
LAST = "last"
INPUT = "input"
TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram(Record):
    """How the values of one tensor were distributed at the first or the last sampled step of `observe`.

    `kind` and `name` are those of `TensorStats`; `at` is the step. `counts` are of bins of equal width from `low` to
    `high`, which are the 0.5 % and 99.5 % quantiles of a bounded strided sample; what lies outside is in the end bins.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "kind", "name", "moment")

    kind: str = "weight"
    name: str = ""
    moment: str = FIRST
    at: int = 0
    order: int = 0
    numel: int = 0
    low: float = math.nan
    high: float = math.nan
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Record):
    """One sample of the first training batch: an input as the first layer got it, or a target as the loss got it.

    `index` is its position in the batch, `role` `input` or `target`. `layer` is the first layer with parameters,
    `layer_type` its type. `model_shape` is the batch as the model got it, `layer_shape` as the first layer did;
    `same`: both hold the same values. `form` tells how to show it: `image` (`pixels` in base64, one byte each, rows of
    `size` = height, width, channels; 0 and 255 stand for `low` and `high`), `series` (`values`, `size` = channels,
    steps), `tokens`, `table` (numbers of one row) or `label`. `shape` and `dtype` are of the whole sample; `cut` tells
    that only a part or a coarser version of it was kept.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "role", "index")

    index: int = 0
    role: str = INPUT
    layer: str = ""
    layer_type: str = ""
    model_shape: tuple[int, ...] = ()
    layer_shape: tuple[int, ...] = ()
    same: bool = True
    form: str = "table"
    shape: tuple[int, ...] = ()
    dtype: str = ""
    size: tuple[int, ...] = ()
    low: float = math.nan
    high: float = math.nan
    values: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    """What the tokens stand for, where the script's vocabulary was found."""
    pixels: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Record):
    """One file of the user's that a record points to, as it was when the run ended. `cut`: only its beginning."""

    KEY: ClassVar[tuple[str, ...]] = ("file",)

    file: str = ""
    text: str = ""
    cut: bool = False
