"""What is asked of single samples of the training loaders when the script is over, bounded in time."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from torch.utils.data import IterableDataset

from nndoctor.experiments.collation import collations
from nndoctor.experiments.pairing import pairings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nndoctor.probes.examples import Examples
    from nndoctor.records import Record

MOST_SECONDS = 4.0


def questions(
    loaders: dict[str, Any], roles: dict[str, dict[str, str]], examples: Examples
) -> Iterator[Record]:
    """Yield what the loaders that feed the training are found to do. `roles`: by loader, the use of each leaf."""
    deadline = time.monotonic() + MOST_SECONDS
    yield from _answers(lambda: pairings(examples.streams, deadline))
    for name, loader in loaders.items():
        if isinstance(loader.dataset, IterableDataset) or not hasattr(loader.dataset, "__len__"):
            continue
        for ask in (collations,):
            if time.monotonic() > deadline:
                return
            yield from _answers(partial(ask, name, loader, roles.get(name, {}), deadline))


def _answers(ask: Callable[[], Iterable[Record]]) -> list[Record]:
    try:
        return list(ask())
    except Exception:  # noqa: BLE001 - a data set that is closed by now, or the user's own fault in it
        return []
