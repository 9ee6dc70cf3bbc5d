"""What decides how fast the training is, besides the times of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices(Record):
    """Where the trained tensors are, and which accelerator the machine offers (`cuda`, `mps`; empty for none)."""

    KEY: ClassVar[tuple[str, ...]] = ("segment",)

    trained_on: tuple[str, ...] = ()
    """Types of device, each once."""
    available: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledCalls(Placed):
    """The calls of a model that was given to `torch.compile`, in `observe`. The place is that of `torch.compile`.

    `dynamic` is as given: `True`, `False` or `None` (shapes are compiled as they are at first, and as variable once
    they change). `mode` is as given. `shapes` counts the different shapes of its arguments, `kinds` the different
    calls if the sizes of dimensions do not count: number of dimensions, types, lengths of lists, other values.
    `limit` is after how many compilations torch gives up and runs the model eagerly.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module")

    module: str = ""
    dynamic: str = "None"
    mode: str = ""
    calls: int = 0
    shapes: int = 0
    kinds: int = 0
    limit: int = 8
