"""How activations, gradients and weights are distributed, when `observe` begins and when it ends.

Takes over the samples that the statistics were computed from; arithmetic is done twice in a segment, not in each step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nndoctor.records import OBSERVE, Histogram
from nndoctor.records.exhibits import FIRST, LAST
from nndoctor.session import Listener, Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndoctor.probes.statistics import Pending

BINS = 32
KINDS = frozenset({"activation", "gradient", "weight"})
FEWEST = 16
"""Values of a tensor below which its distribution shows nothing."""
MOST = 400
"""Tensors of one kind."""


class Histograms(Listener):
    """Records `Histogram`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._latest: dict[tuple[str, str], tuple[int, Pending]] = {}
        self._begun: set[tuple[int, str, str]] = set()
        self._counts = dict.fromkeys(KINDS, 0)

    def take(self, measured: Iterable[Pending]) -> None:
        """Keep what was measured in a step; record it at once if it is the first of its name."""
        if self.session.experiment != OBSERVE:
            return
        for each in measured:
            kind, name = each.row.kind, each.row.name
            if kind not in KINDS or each.sample.numel() < FEWEST:
                continue
            first = (self.session.segment, kind, name)
            if first not in self._begun:
                if self._counts[kind] >= MOST:
                    continue
                self._counts[kind] += 1
                self._begun.add(first)
                self._record(each, self.session.step, FIRST)
            else:
                self._latest[kind, name] = (self.session.step, each)

    def diet_ended(self, name: str) -> None:
        """Record how they ended."""
        if name == OBSERVE:
            self._flush()

    def script_ended(self) -> None:
        """The same, for a script that did not get that far."""
        self._flush()

    def _flush(self) -> None:
        latest, self._latest = self._latest, {}
        for step, each in latest.values():
            self._record(each, step, LAST)
        self._counts = dict.fromkeys(KINDS, 0)

    def _record(self, each: Pending, step: int, moment: str) -> None:
        values = each.sample.cpu().numpy()
        row = Histogram(kind=each.row.kind, name=each.row.name, order=each.row.order, numel=each.row.numel)
        found = binned(values)
        if found is not None:
            low, high, counts = found
            self.session.add(replace(row, moment=moment, at=step, low=low, high=high, counts=counts))


def binned(values: np.ndarray) -> tuple[float, float, tuple[int, ...]] | None:
    """Return lowest edge, highest edge and counts of the finite values; None where there are none."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.size == 0:
        return None
    low, high = (float(v) for v in np.quantile(finite, (0.005, 0.995)))
    if not high > low:
        return low, high, (int(finite.size),)
    counts, _ = np.histogram(np.clip(finite, low, high), bins=BINS, range=(low, high))
    return low, high, tuple(int(count) for count in counts)
