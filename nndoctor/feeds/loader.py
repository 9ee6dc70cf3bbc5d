"""The DataLoader as control point: when the loop asks for its next batch, the diet decides what it gets.

Which loader is the training one is known only after a step happened. Until then every pass is let through untouched,
its latest batch held, and the state saved at its first batch. A group of loaders asked one right after the other (zip)
feeds one iteration together; the first of them marks the beginning of an iteration. So do several batches asked of one
loader before anything is computed (gradient accumulation in transformers' Trainer).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from torch.utils.data import default_collate, default_convert

from nndoctor.feeds.draw import drawn
from nndoctor.feeds.tree import clone, size_in_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nndoctor.conductor import Conductor
    from nndoctor.names import Place

VALIDATION_BATCHES = 8
"""Batches of a pass over other data that are let through once training has been seen; enough for its statistics."""
MOST_ASKED = 64
"""Batches asked of one loader before anything is computed; more are a walk over the data, not an iteration."""
MOST_ASKED_BYTES = 1 << 28


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
        self._before: tuple[Served | None, list[Any]] = (None, [])
        """Copies of what the latest pass handed out before its latest batch, since the last forward."""
        self._contiguous = False
        self._at_once = 1
        """How many batches of one loader an iteration asks for."""
        self._asked = 1
        self._keep_alive: list[Any] = []
        self.waited = 0.0
        self.extended = False
        """A loop was given more batches than its loader has."""

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
            if self._contiguous and self._asked < self._at_once:
                self._asked += 1
            else:
                conductor.boundary()
                self._asked = 1
                if conductor.coasting and conductor.ends_epoch(served.served):
                    raise StopIteration
            self._contiguous = True
        position = self.group.index(id(served.loader)) if self._at_once == 1 else self._asked - 1
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
        if not (self._contiguous and self._before[0] is served):
            conductor.session.tell("new_data")
        if conductor.trained_once and not conductor.expects_new_segment() and served.served >= VALIDATION_BATCHES:
            conductor.validation_cut()
            raise StopIteration
        if not self._contiguous:
            self.pending.clear()
            self._before = (None, [])
            self._contiguous = True
            if conductor.awaits_training():
                conductor.save_start()
        batch = self._real(served, silently=False)
        served.served += 1
        self._hold(served, clone(batch) if conductor.awaits_training() else None)
        conductor.batch_served(batch, served)
        return batch

    def _hold(self, served: Served, batch: Any) -> None:
        """Keep the latest batch of a pass, and those before it as long as one pass alone is asked."""
        owner, before = self._before
        held = [b for s, b in self.pending if s is served and b is not None]
        before = [*before, *held] if owner is served else held
        if len(before) >= MOST_ASKED or size_in_bytes(before) > MOST_ASKED_BYTES:
            before = []
        self._before = (served, before)
        self.pending = [(s, b) for s, b in self.pending if s is not served]
        self.pending.append((served, batch))

    def adopt(self) -> list[Any]:
        """Training began: what was asked last is the training group. Returns the batches of its first iteration."""
        self.group = [id(served.loader) for served, _ in self.pending]
        self._keep_alive = [served.loader for served, _ in self.pending]
        batches = [batch for _, batch in self.pending]
        owner, before = self._before
        if len(self.pending) == 1 and owner is self.pending[0][0]:
            batches = [*before, *batches]
        self._at_once = len(batches) if len(self.group) == 1 else 1
        self._asked = self._at_once
        self.pending, self._before = [], (None, [])
        return batches

    def name(self) -> str:
        """Return the name of the loader that begins an iteration."""
        return self.conductor.session.names.numbered(self._keep_alive[0]) if self._keep_alive else ""

    def loaders(self) -> list[Any]:
        """Return the loaders that feed an iteration, in the order asked."""
        return list(self._keep_alive)

    def collates_itself(self) -> bool:
        """Whether the training batches are put together by the script's own function."""
        loaders = self._keep_alive if self.conductor.feed == "loader" else []
        own = [getattr(loader, "collate_fn", None) for loader in loaders]
        return any(function not in (None, default_collate, default_convert) for function in own)

    def drawn(self, count: int, seed: int) -> list[Any] | None:
        """Return iterations of samples drawn at random from the training data; None where that cannot be done."""
        if len(self._keep_alive) != 1 or self.conductor.feed != "loader":
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
                self.extended = True
                conductor.session.epoch += 1
                batch = next(served.inner)
        served.real += 1
        self.waited += time.perf_counter() - began
        return batch
