"""Writes a long training's records: from a thread of its own, thinned as they become many, and never in the way.

A disk that is full costs rows, not the training; what was lost is written down as soon as writing works again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from nndoctor.recording import FLUSH_SECONDS, Recorder
from nndoctor.records import Event, Record, Step, TensorStats

if TYPE_CHECKING:
    from pathlib import Path

MOST = {Step: 60_000, TensorStats: 300_000}
"""Rows of a kind beyond which every second step is dropped."""
EXTREMES: dict[type[Record], tuple[str, tuple[str, ...]]] = {
    Step: ("loss", ()),
    TensorStats: ("absmax", ("kind", "name")),
}


class _Thinning:
    """Which steps of one kind are still taken in: every one at first, every second after a thinning, and so on."""

    def __init__(self) -> None:
        self.stride = 1
        self.rows = 0
        self._seen = 0
        self._step = -1
        self._taken = True
        self._held: dict[str, Record] = {}

    def take(self, record: Record, extreme: str) -> list[Record]:
        """Return the rows to write now: the record, or the extremes of the steps that were left out before it."""
        if record.step != self._step:
            self._step = record.step
            self._taken = self._seen % self.stride == 0
            self._seen += 1
        if not self._taken:
            self._hold(record, extreme)
            return []
        held, self._held = list(self._held.values()), {}
        self.rows += 1 + len(held)
        return [*held, record]

    def _hold(self, record: Record, extreme: str) -> None:
        value = getattr(record, extreme)
        name = f"{getattr(record, 'kind', '')}/{getattr(record, 'name', '')}"
        greatest = self._held.get(name)
        # A NaN counts as the greatest: it is what one looks for.
        if greatest is None or not value <= getattr(greatest, extreme):
            self._held[name] = record


class Keeper:
    """Has the interface of a `Recorder`; `add` only puts the record into a queue."""

    def __init__(self, path: Path) -> None:
        self._recorder = Recorder(path)
        self._queue: deque[Record] = deque()
        self._thinning = {kind: _Thinning() for kind in MOST}
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._dropped = 0
        self._why = ""
        self._thread = threading.Thread(target=self._work, name="nndoctor-keeper", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str:
        """What could not be written, in one sentence; empty if all was."""
        return f"{self._dropped} rows could not be written: {self._why}" if self._dropped else ""

    def add(self, record: Record) -> None:
        """Take in one record. It is on disk within about half a second."""
        thinning = self._thinning.get(type(record))
        if thinning is None:
            self._queue.append(record)
        else:
            self._queue.extend(thinning.take(record, EXTREMES[type(record)][0]))

    def flush(self) -> None:
        """Write what is in the queue."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Write the rest and close the file."""
        self._done.set()
        self._thread.join(timeout=10)
        with self._lock:
            self._write()
            with suppress(sqlite3.Error, OSError):
                if self.lost:
                    self._recorder.add(Event(kind="instrument", text=f"the recording: {self.lost}"))
                self._recorder.close()

    def _work(self) -> None:
        while not self._done.wait(FLUSH_SECONDS):
            self.flush()

    def _write(self) -> None:
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        try:
            for record in batch:
                self._recorder.hold(record)
            self._recorder.flush()
            self._thin()
        except (sqlite3.Error, OSError) as error:
            self._dropped += len(batch)
            self._why = str(error)

    def _thin(self) -> None:
        for kind, thinning in self._thinning.items():
            if thinning.rows > MOST[kind]:
                column, per = EXTREMES[kind]
                thinning.rows = self._recorder.thin(kind, column, per=per)
                thinning.stride *= 2
