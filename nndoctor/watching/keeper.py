"""Writes a long training's records: from a thread of its own, thinned as they become many, and never in the way.

A disk that is full costs rows, not the training; what was lost is written down as soon as writing works again.
Steps and samples come by the thousand: they travel as plain tuples and tensors, and are worked out here, in blocks.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nndoctor.recording import FLUSH_SECONDS, Recorder, values_of
from nndoctor.records import Event, Placed, Record, Step, TensorStats
from nndoctor.watching import figures
from nndoctor.watching.evaluations import Guesses, scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nndoctor.records import SourceFile
    from nndoctor.watching.figures import Row
    from nndoctor.watching.samples import Taken

T = TypeVar("T")
MOST = {Step: 60_000, TensorStats: 300_000}
"""Rows of a kind beyond which every second step is dropped."""
EXTREMES: dict[type[Record], tuple[str, tuple[str, ...]]] = {
    Step: ("loss", ()),
    TensorStats: ("absmax", ("kind", "name")),
}
STEP_FIELDS = (
    "experiment", "segment", "step", "epoch", "loss", "score", "lr", "batch_size", "backwards", "optimizer_steps",
    "parameters_changed", "data_seconds", "compute_seconds", "loader",
)  # fmt: skip
"""Of `Step`, in its order."""
FIELDS: dict[type[Record], tuple[str, ...]] = {Step: STEP_FIELDS, TensorStats: figures.FIELDS}
STEP = STEP_FIELDS.index("step")
"""The segment stands before it."""
SCORE = STEP_FIELDS.index("score")
ROW_SECONDS = 4e-6
"""What it takes to write the row of one step."""
SMOOTHING = 0.3
MOST_PENDING = 16 * 2**20
"""Bytes of samples that may wait; beyond, the training waits for them to be worked out."""


class _Thinning:
    """Which steps of one kind are still taken in: every one at first, every second after a thinning, and so on."""

    def __init__(self, kind: type[Record]) -> None:
        self.stride = 1
        self.rows = 0
        extreme, per = EXTREMES[kind]
        self._extreme = FIELDS[kind].index(extreme)
        self._per = [FIELDS[kind].index(name) for name in per]
        self._seen = 0
        self._step = -1
        self._taken = True
        self._held: dict[tuple[Any, ...], Row] = {}

    def take(self, rows: list[Row]) -> list[Row]:
        """Return the rows to write now: those of steps taken in, and before each the extremes of those left out."""
        if self.stride > 1:
            rows = [kept for row in rows for kept in self._one(row)]
        self.rows += len(rows)
        return rows

    def _one(self, row: Row) -> list[Row]:
        if row[STEP] != self._step:
            self._step = row[STEP]
            self._taken = self._seen % self.stride == 0
            self._seen += 1
        if not self._taken:
            self._hold(row)
            return []
        held, self._held = list(self._held.values()), {}
        return [*held, row]

    def _hold(self, row: Row) -> None:
        name = tuple(row[i] for i in self._per)
        greatest = self._held.get(name)
        # A NaN counts as the greatest: it is what one looks for.
        if greatest is None or not row[self._extreme] <= greatest[self._extreme]:
            self._held[name] = row


class Keeper:
    """Has the interface of a `Recorder`; `add` only puts the record into a queue."""

    def __init__(self, path: Path) -> None:
        self._recorder = Recorder(path)
        self._began = time.time()
        self._home = Path.cwd()
        self._files: set[str] = {""}
        self._queue: deque[Record] = deque()
        self._rows: dict[type[Record], deque[Row]] = {Step: deque(), TensorStats: deque()}
        self._samples: deque[Taken] = deque()
        self._pending = 0
        self._guesses: dict[tuple[int, int], Guesses] = {}
        """By segment and step: of sampled steps, what their score is told from."""
        self.sample_seconds = 0.0
        """What it takes to write the samples of a step: this thread's time is the training's too."""
        self._thinning = {kind: _Thinning(kind) for kind in MOST}
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._dropped = 0
        self._why = ""
        self.add_step = self._rows[Step].append
        """Takes in one step, as the values of `STEP_FIELDS`."""
        self._thread = threading.Thread(target=self._work, name="nndoctor-keeper", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str:
        """What could not be written, in one sentence; empty if all was."""
        return f"{self._dropped} rows could not be written: {self._why}" if self._dropped else ""

    def add(self, record: Record) -> None:
        """Take in one record. It is on disk within about half a second."""
        if type(record) in self._rows:
            self._rows[type(record)].append(values_of(record))
        else:
            self._queue.append(record)

    def add_samples(self, taken: Iterable[Taken]) -> None:
        """Take in the samples of one step."""
        for each in taken:
            if each.pieces[0].is_cpu:
                self._samples.append(each)
                self._pending += sum([piece.numel() for piece in each.pieces]) * 4
            else:  # a device is asked by the thread that uses it: it may be capturing a graph
                self._rows[TensorStats].extend(figures.rows([each]))
        if self._pending > MOST_PENDING:
            self.flush()

    def add_guesses(self, segment: int, step: int, guesses: Guesses) -> None:
        """Take in what a step's score is told from; before the step itself."""
        if guesses.prediction.is_cpu:
            self._pending += guesses.prediction.numel() * 4
        else:  # see above
            guesses = Guesses(guesses.function, guesses.prediction.cpu(), guesses.target.cpu())
        self._guesses[segment, step] = guesses

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
        self._pending = 0
        samples = _all(self._samples)
        batch = _all(self._queue)
        rows = {kind: _all(queue) for kind, queue in self._rows.items()}
        began = time.thread_time()
        count = len(batch) + sum(map(len, rows.values())) + sum(len(each.columns) for each in samples)
        try:
            rows[TensorStats] += figures.rows(samples)
            if self._guesses:
                rows[Step] = self._scored(rows[Step])
            for record in [*batch, *self._sources(batch)]:
                self._recorder.hold(record)
            for kind, found in rows.items():
                self._recorder.hold_values(kind, self._thinning[kind].take(found))
            self._recorder.flush()
            if samples and not batch:
                spent = max(0.0, time.thread_time() - began - ROW_SECONDS * len(rows[Step])) / len(samples)
                self.sample_seconds += (SMOOTHING if self.sample_seconds else 1.0) * (spent - self.sample_seconds)
            self._thin()
        except (sqlite3.Error, OSError, RuntimeError) as error:
            self._dropped += count
            self._why = str(error)

    def _scored(self, rows: list[Row]) -> list[Row]:
        """Return the rows of steps with their scores, where something to tell them from was kept."""
        keys = [(row[STEP - 1], row[STEP]) for row in rows]
        kept = {key: guesses for key in keys if (guesses := self._guesses.pop(key, None)) is not None}
        known = dict(zip(kept, scores([*kept.values()]), strict=True))
        return [
            (*row[:SCORE], known[key], *row[SCORE + 1 :]) if key in known else row
            for key, row in zip(keys, rows, strict=True)
        ]

    def _sources(self, batch: list[Record]) -> Iterator[SourceFile]:
        """Yield the source files that are named for the first time: the prescription wants to know what they held."""
        new = {row.file for row in batch if isinstance(row, Placed)} - self._files
        if new:
            from nndoctor.prescription.files import fingerprinted

            self._files |= new
            yield from fingerprinted(new, home=self._home, since=self._began)

    def _thin(self) -> None:
        for kind, thinning in self._thinning.items():
            if thinning.rows > MOST[kind]:
                column, per = EXTREMES[kind]
                thinning.rows = self._recorder.thin(kind, column, per=per)
                thinning.stride *= 2


def _all(queue: deque[T]) -> list[T]:
    return [queue.popleft() for _ in range(len(queue))]
