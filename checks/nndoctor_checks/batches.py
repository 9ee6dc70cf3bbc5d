"""The batches that the loop was given: which leaves they have, where they come from, how much data stands behind."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import SourceLine
from nndoctor.records import COAST, OBSERVE, TRAIN, Batch, Loader
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndoctor import Recording

CALL = "call"
"""The source of batches that a loop makes without a DataLoader."""

OWN = (OBSERVE, COAST)
"""The experiments in which the loop gets the script's own batches."""

Leaf = tuple[str, str]
"""Source and path in the batch."""


def training_batches(run: Recording) -> dict[int, list[Batch]]:
    """Return the batches that the script itself trained on, by phase."""
    return by_segment(b for b in observed(run, Batch) if b.split == TRAIN)


def by_leaf(rows: Iterable[Batch]) -> dict[Leaf, list[Batch]]:
    """Return the rows of each leaf."""
    found: defaultdict[Leaf, list[Batch]] = defaultdict(list)
    for row in rows:
        found[row.source, row.leaf].append(row)
    return dict(found)


def inputs(rows: Iterable[Batch]) -> list[Batch]:
    """Return the rows that are known to be fed to the model."""
    return [row for row in rows if row.role.startswith("input")]


def is_float(row: Batch) -> bool:
    """Whether the leaf holds floating-point numbers."""
    return "float" in row.dtype


def samples(row: Batch) -> int:
    """Return how many samples the batch has."""
    return max(0, row.shape[0]) if row.shape else 0


def width(row: Batch) -> int:
    """Return how many numbers one sample has in this leaf."""
    return math.prod(max(0, size) for size in row.shape[1:])


def main_leaves(leaves: dict[Leaf, list[Batch]], share: float = 0.1) -> dict[Leaf, list[Batch]]:
    """Return the leaves that carry the data: not the lengths, masks and time steps that come along with it."""
    widths = {leaf: max(map(width, rows)) for leaf, rows in leaves.items()}
    widest = max(widths.values(), default=0)
    return {leaf: rows for leaf, rows in leaves.items() if widths[leaf] >= share * widest}


def loader_named(run: Recording, name: str) -> Loader | None:
    """Return the loader of that name."""
    return next((loader for loader in run.rows(Loader) if loader.name == name), None)


def place_of(run: Recording, source: str) -> SourceLine | None:
    """Return where the loop asks a source for batches, None for loops without a loader."""
    return SourceLine.of(loader_named(run, source))


def leaf_name(leaf: str) -> str:
    """Return a leaf for a sentence."""
    return f"`{leaf}` of the batch" if leaf else "the batch"
