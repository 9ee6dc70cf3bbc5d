"""Calls of loss functions, gathered by the place that made them, and what stood between the last layer and the loss."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor.backward_nodes import head
from nndoctor.records import OBSERVE, TRAIN, LossCall
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from nndoctor import Recording

BROKEN_LOSS_SYMPTOMS = (
    "cannot-overfit-batch",
    "collapsed-predictions",
    "fails-on-solvable-data",
    "ignores-input",
    "learning-rate-too-low",
    "loss-flat",
    "metric-at-chance",
    "saturated-activation",
    "update-ratio",
    "vanishing-gradient",
)
"""What a loss function that is fed the wrong thing does to the rest of the run."""


def training_calls(
    run: Recording, functions: Collection[str] = (), *, experiment: str = OBSERVE
) -> Iterator[list[LossCall]]:
    """Yield the training calls of each place that calls one of `functions` (any function if none are named)."""
    places: defaultdict[tuple[object, ...], list[LossCall]] = defaultdict(list)
    for call in observed(run, LossCall, experiment):
        if call.split == TRAIN and (not functions or call.function in functions):
            places[(call.segment, *place(call))].append(call)
    yield from places.values()


def place(call: LossCall) -> tuple[str, int, str, str]:
    """Return what tells one loss of the program from another, in every experiment."""
    return (call.file, call.line, call.function, call.module)


def through(calls: Sequence[LossCall], operations: tuple[str, ...]) -> bool:
    """Whether the input of at least half of the calls came straight out of one of the operations."""
    hits = sum(any(node.startswith(operations) for node in head(call.graph)) for call in calls)
    return hits > 0 and hits >= len(calls) / 2
