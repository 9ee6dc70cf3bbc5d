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
from typing import TYPE_CHECKING, TypeVar

from nndoctor.recording import BUCKETS, Recorder, values_of
from nndoctor.records import Event, Placed, Record, Step, TensorStats
from nndoctor.watching import figures
from nndoctor.watching.evaluations import Guesses, scores
from nndoctor.watching.thinning import EXTREMES, OfBlocks, OfSteps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nndoctor.blocks import Place, Row
    from nndoctor.records import SourceFile
    from nndoctor.watching.figures import Block
    from nndoctor.watching.samples import Taken

T = TypeVar("T")
FLUSH_SECONDS = 1.0
"""Each time has its price, for which the training waits; a row that is two seconds old must outlast it."""
MOST = {Step: 60_000, TensorStats: 300_000}
"""Rows of a kind beyond which every second step is dropped."""
AGAIN = 1.5
"""Times as many rows as the latest thinning left there must be before the next: it looks at all of them."""
OF_EXTREMES = 0.25
"""Share of these rows that extremes may take: with thousands of tensors they are kept of fewer parts of the run."""
STEP_FIELDS = (
    "experiment", "segment", "step", "epoch", "loss", "score", "lr", "batch_size", "backwards", "optimizer_steps",
    "parameters_changed", "data_seconds", "compute_seconds", "loader",
)  # fmt: skip
"""Of `Step`, in its order."""
STEP = STEP_FIELDS.index("step")
"""The segment stands before it."""
SCORE, CHANGED = STEP_FIELDS.index("score"), STEP_FIELDS.index("parameters_changed")
ROW_SECONDS = 4e-6
"""What it takes to write the row of one step."""
SMOOTHING = 0.3
MOST_PENDING = 16 * 2**20
"""Bytes of samples that may wait; beyond, the training waits for them to be worked out."""


class Keeper:
    """Has the interface of a `Recorder`; `add` only puts the record into a queue."""

    def __init__(self, path: Path) -> None:
        self._recorder = Recorder(path)
        self._began = time.time()
        self._home = Path.cwd()
        self._files: set[str] = {""}
        self._queue: deque[Record] = deque()
        self._steps: deque[Row] = deque()
        self._blocks: deque[Block] = deque()
        """Samples that are worked out already."""
        self._samples: deque[Taken] = deque()
        self._pending = 0
        self._guesses: dict[tuple[int, int], Guesses] = {}
        """By segment and step: of sampled steps, what their score is told from."""
        self.copies_guesses = False
        """The script was seen to write to what was kept."""
        self.sample_seconds = 0.0
        """What it takes to write the samples of a step: this thread's time is the training's too."""
        self._changed: bool | None = None
        """Whether the latest step that was looked at changed a parameter."""
        self._of_steps, self._of_blocks = OfSteps(STEP_FIELDS), OfBlocks()
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._dropped = 0
        self._why = ""
        self.add_step = self._steps.append
        """Takes in one step, as the values of `STEP_FIELDS`."""
        self._thread = threading.Thread(target=self._work, name="nndoctor-keeper", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str:
        """What could not be written, in one sentence; empty if all was."""
        return f"{self._dropped} rows could not be written: {self._why}" if self._dropped else ""

    def add(self, record: Record) -> None:
        """Take in one record. It is on disk within about a second."""
        if type(record) is Step:
            self._steps.append(values_of(record))
        else:
            self._queue.append(record)

    def add_samples(self, taken: Iterable[Taken]) -> None:
        """Take in the samples of one step."""
        for each in taken:
            if each.pieces[0].is_cpu:
                self._samples.append(each)
                self._pending += sum([piece.numel() for piece in each.pieces]) * 4
            else:  # a device is asked by the thread that uses it: it may be capturing a graph
                self._blocks.extend(figures.blocks([each]))
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
        steps = _all(self._steps)  # first: what is told of a step is put in before the step itself
        samples, batch, blocks = _all(self._samples), _all(self._queue), _all(self._blocks)
        began = time.thread_time()
        count = len(batch) + len(steps) + sum(len(each.columns) for each in samples)
        count += sum(len(each.columns) * len(each.places) for each in blocks)
        try:
            blocks += figures.blocks(samples)
            steps = self._with_changes(steps, blocks)
            if self._guesses:
                steps = self._scored(steps)
            for record in [*batch, *self._sources(batch)]:
                self._recorder.hold(record)
            self._recorder.hold_values(Step, self._of_steps.take(steps))
            blocks, rows = self._of_blocks.take(blocks)
            self._recorder.hold_values(TensorStats, rows)
            for block in blocks:
                heads = [figures.head_of(column) for column in block.columns]
                self._recorder.hold_blocks(heads, block.places, block.table.numpy().tobytes())
            self._recorder.flush()
            if samples and not batch:
                spent = max(0.0, time.thread_time() - began - ROW_SECONDS * len(steps)) / len(samples)
                self.sample_seconds += (SMOOTHING if self.sample_seconds else 1.0) * (spent - self.sample_seconds)
            self._thin()
        except (sqlite3.Error, OSError, RuntimeError) as error:
            self._dropped += count
            self._why = str(error)

    def _with_changes(self, rows: list[Row], blocks: list[Block]) -> list[Row]:
        """Return the rows of steps that say whether parameters change: as in the latest step that was looked at."""
        known: dict[Place, bool] = {}
        for block in blocks:
            for place, changed in zip(block.places, figures.changed(block) or (), strict=False):
                known[place] = known.get(place, False) or changed
        found = []
        for row in rows:
            self._changed = known.get((row[STEP - 1], row[STEP]), self._changed)
            found.append(row if self._changed is None else (*row[:CHANGED], self._changed, *row[CHANGED + 1 :]))
        return found

    def _scored(self, rows: list[Row]) -> list[Row]:
        """Return the rows of steps with their scores, where something to tell them from was kept."""
        keys = [(row[STEP - 1], row[STEP]) for row in rows]
        kept = {key: guesses for key in keys if (guesses := self._guesses.pop(key, None)) is not None}
        known = dict(zip(kept, scores([*kept.values()]), strict=True))
        self.copies_guesses = self.copies_guesses or any(each.written for each in kept.values())
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
        for kind, thinning in ((Step, self._of_steps), (TensorStats, self._of_blocks)):
            if thinning.rows > max(MOST[kind], AGAIN * thinning.left):
                column, per = EXTREMES[kind]
                parts = max(1, min(BUCKETS, int(OF_EXTREMES * MOST[kind]) // (2 * thinning.width)))
                thinning.rows = thinning.left = self._recorder.thin(kind, column, per=per, parts=parts)
                thinning.stride *= 2


def _all(queue: deque[T]) -> list[T]:
    return [queue.popleft() for _ in range(len(queue))]
