"""What is asked of single samples of the training loaders when the script is over, bounded in time."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from torch.utils.data import IterableDataset

from nndoctor.experiments.collation import collations
from nndoctor.experiments.coverage import coverage
from nndoctor.experiments.learnability import learners
from nndoctor.experiments.pairing import pairings
from nndoctor.experiments.redraw import redraws
from nndoctor.experiments.worker_randomness import worker_randomness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nndoctor.probes.batches import Batches
    from nndoctor.probes.examples import Examples
    from nndoctor.records import Record

MOST_SECONDS = 4.0
"""For the loaders; starting workers where their random numbers are in doubt has a patience of its own."""
LEARNING_SECONDS = 3.0


def questions(batches: Batches, examples: Examples) -> Iterator[Record]:
    """Yield what the loaders that feed the training are found to do."""
    yield from _of_loaders(batches, examples)
    # Last, because importing the learners may take all the time there is on a busy machine.
    until = time.monotonic() + LEARNING_SECONDS
    yield from _answers(lambda: learners(examples.parts, examples.place, until))


def _of_loaders(batches: Batches, examples: Examples) -> Iterator[Record]:
    deadline = time.monotonic() + MOST_SECONDS
    yield from _answers(lambda: pairings(examples.streams, deadline))
    for name, loader in batches.training_loaders().items():
        if isinstance(loader.dataset, IterableDataset) or not hasattr(loader.dataset, "__len__"):
            continue
        for ask in (
            # What is asked first must find the data set as the script left it: each fetch may change it.
            partial(worker_randomness, name, loader),
            partial(collations, name, loader, batches.roles().get(name, {}), deadline),
            partial(redraws, name, loader.dataset, batches.roles().get(name, {}), deadline),
            partial(coverage, name, loader, batches.left_after[name], deadline),
        ):
            if time.monotonic() > deadline:
                return
            yield from _answers(ask)


def _answers(ask: Callable[[], Iterable[Record]]) -> list[Record]:
    try:
        return list(ask())
    except Exception:  # noqa: BLE001 - a data set that is closed by now, or the user's own fault in it
        return []
