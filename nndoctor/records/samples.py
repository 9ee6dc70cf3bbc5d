"""What single samples of the training data told: on their way through the loader, drawn twice, learnt by others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Collation(Placed):
    """A leaf of a batch that a loader's `collate_fn` made of known samples, when the script was over.

    `compared` samples were fetched one by one and, as the loader does it, together; only leaves that are the same
    whenever they are fetched are compared. `kept` rows of the batch hold the values of their own sample, `moved` ones
    those of another (the collate function may sort), `missing` samples are in no row although their place is taken by
    another one; `mixed` rows hold values of several samples, in a leaf that holds all values of all samples.
    `truncated`: whole numbers in the batch, fractions in the samples. `mispaired` rows, of a target, stand beside the
    input of another sample. The place is that of the collate function where it is the user's, else of the
    data set's `__getitem__`.
    """

    KEY: ClassVar[tuple[str, ...]] = ("loader", "leaf")

    loader: str = ""
    leaf: str = ""
    role: str = ""
    collate: str = ""
    compared: int = 0
    kept: int = 0
    moved: int = 0
    missing: int = 0
    mixed: int = 0
    truncated: bool = False
    mispaired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing(Placed):
    """Two loaders that feed one loop, one of inputs and one of targets: do the samples of a batch belong together?

    Of `compared` samples of the observed batches, the target was that of the same index in `matched` cases; as many
    would be by chance: `by_chance` (share). The place is that of the loop that asks the loader of the targets.
    """

    KEY: ClassVar[tuple[str, ...]] = ("inputs", "targets")

    inputs: str = ""
    targets: str = ""
    compared: int = 0
    matched: int = 0
    by_chance: float = math.nan
