"""The DataLoader as control point: when the loop asks for its next batch, the diet decides what it gets.

Which loader is the training one is known only after a step happened. Until then every pass is let through untouched,
its latest batch held, and the state saved at its first batch. A group of loaders asked one right after the other (zip)
feeds one iteration together; the first of them marks the beginning of an iteration.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from nndoctor.feeds.draw import drawn
from nndoctor.feeds.tree import clone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nndoctor.conductor import Conductor
    from nndoctor.names import Place

VALIDATION_BATCHES = 8
"""Batches of a pass over other data that are let through once training has been seen; enough for its statistics."""


class Served:
    """The iterator that the loop gets instead of the loader's own; everything else is the loader's."""

    def __init__(
        self, inner: Iterator[Any], loader: Any, feed: LoaderFeed, again: Callable[[], Iterator[Any]], place: Place
    ) -> None:
        self.inner = inner
        self.loader = loader
        self.again = again
        self.place = place
        self.served = 0
        self.real = 0
        self.exhausted = False
        self._feed = feed
        feed.pass_began(self)

    def __iter__(self) -> Served:
        return self

    def __len__(self) -> int:
        return len(self.inner)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __next__(self) -> Any:
        try:
            return self._feed.following(self)
        except StopIteration:
            self.exhausted = True
            raise


class LoaderFeed:
    """Serves batches to loops that ask a DataLoader."""

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor
        self.group: list[int] = []
        """Ids of the loaders that feed one training iteration, in the order asked."""
        self.pending: list[tuple[Served, Any]] = []
        """Passes asked since the last forward, each with a copy of its latest batch: candidates for the group."""
        self._contiguous = False
        self._keep_alive: list[Any] = []
        self.waited = 0.0

    def pass_began(self, served: Served) -> None:
        """A loop begins a pass over a loader."""
        self.conductor.loader_seen(served)
        if id(served.loader) in self.group[:1]:
            self.conductor.session.epoch += 1

    def computed(self) -> None:
        """Something ran on the batch: what is asked next is not of the same group."""
        self._contiguous = False

    def following(self, served: Served) -> Any:
        """Return the next batch for a pass, or raise StopIteration."""
        conductor = self.conductor
        if not conductor.session.hears() or conductor.ending.ordered:
            return next(served.inner)
        if id(served.loader) in self.group and not conductor.expects_new_segment():
            return self._training_batch(served)
        return self._foreign_batch(served)

    def _training_batch(self, served: Served) -> Any:
        conductor = self.conductor
        if id(served.loader) == self.group[0]:
            conductor.boundary()
            if conductor.coasting and conductor.ends_epoch(served.served):
                raise StopIteration
        position = self.group.index(id(served.loader))
        served.served += 1
        recorded = conductor.replayed(position)
        if recorded is not None:
            return recorded
        batch = self._real(served, silently=not conductor.coasting)
        if not conductor.coasting:
            conductor.keep(clone(batch))
        conductor.batch_served(batch, served)
        return batch

    def _foreign_batch(self, served: Served) -> Any:
        """Serve a pass that is not (yet) known to train."""
        conductor = self.conductor
        conductor.session.tell("new_data")
        if conductor.trained_once and not conductor.expects_new_segment() and served.served >= VALIDATION_BATCHES:
            conductor.validation_cut()
            raise StopIteration
        if not self._contiguous:
            self.pending.clear()
            self._contiguous = True
            if conductor.awaits_training():
                conductor.save_start()
        batch = self._real(served, silently=False)
        served.served += 1
        self.pending = [(s, b) for s, b in self.pending if s is not served]
        self.pending.append((served, clone(batch) if conductor.awaits_training() else None))
        conductor.batch_served(batch, served)
        return batch

    def adopt(self) -> list[Any]:
        """Training began: what was asked last is the training group. Returns the batches of its first iteration."""
        self.group = [id(served.loader) for served, _ in self.pending]
        self._keep_alive = [served.loader for served, _ in self.pending]
        batches = [batch for _, batch in self.pending]
        self.pending = []
        return batches

    def name(self) -> str:
        """Return the name of the loader that begins an iteration."""
        return self.conductor.session.names.numbered(self._keep_alive[0]) if self._keep_alive else ""

    def loaders(self) -> list[Any]:
        """Return the loaders that feed an iteration, in the order asked."""
        return list(self._keep_alive)

    def drawn(self, count: int, seed: int) -> list[Any] | None:
        """Return iterations of samples drawn at random from the training data; None where that cannot be done."""
        if len(self._keep_alive) != 1:
            return None
        with self.conductor.session.loading():
            batches = drawn(self._keep_alive[0], count, seed)
        return None if batches is None else [[batch] for batch in batches]

    def _real(self, served: Served, *, silently: bool) -> Any:
        """Ask the loader itself; where its data ends inside an experiment, begin its next pass."""
        conductor = self.conductor
        began = time.perf_counter()
        with conductor.session.loading():
            try:
                batch = next(served.inner)
            except StopIteration:
                if not silently or served.real == 0:
                    raise
                served.inner, served.real = served.again(), 0
                conductor.session.epoch += 1
                batch = next(served.inner)
        served.real += 1
        self.waited += time.perf_counter() - began
        return batch
