"""The recording keeps what it was given, also through a kill, and reads what older versions wrote."""

from __future__ import annotations

import dataclasses
import math
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nndoctor import Recording
from nndoctor.blocks import AT_ONCE, FORMAT, row_of
from nndoctor.errors import RecordingError
from nndoctor.recording import FILE_NAME, SCHEMA_VERSION, Recorder
from nndoctor.records import KINDS, Batch, Environment, Event, Experiment, Record, Step, TensorStats

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, *records: Record) -> Recording:
    recorder = Recorder(folder / FILE_NAME)
    for record in records:
        recorder.add(record)
    recorder.close()
    return Recording.open(folder / FILE_NAME)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    batch = Batch(shape=(3, 4), dim_mean=(0.5, math.inf), constant=True, leaf="a\n'\"", min=-math.inf, step=2)
    event = Event(kind="exception", text="ValueError: \N{GREEK SMALL LETTER MU}", file="train.py", line=3)
    run = written(tmp_path, batch, event)
    [read] = run.rows(Batch)
    assert read.max != read.max  # NaN is stored as NULL and comes back
    assert (read.shape, read.dim_mean, read.constant, read.leaf, read.min) == (
        batch.shape,
        batch.dim_mean,
        True,
        batch.leaf,
        -math.inf,
    )
    assert run.rows(Event) == [event]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_makes_the_round_trip(kind: type[Record], tmp_path: Path) -> None:
    assert repr(written(tmp_path, kind()).rows(kind)) == repr([kind()])


def test_a_key_replaces_on_disk_and_in_memory(tmp_path: Path) -> None:
    records = [Experiment(name="a", outcome="running"), Experiment(name="b"), Experiment(name="a", outcome="done")]
    for run in (written(tmp_path, *records), Recording.of(records)):
        assert {row.name: row.outcome for row in run.rows(Experiment)} == {"a": "done", "b": "done"}


def test_odd_values_are_kept_as_well_as_possible(tmp_path: Path) -> None:
    run = written(tmp_path, Environment(name="a", value="\udc80 broken"), Step(epoch=2**70))
    assert "broken" in run.environment("a")
    assert run.rows(Step)[0].epoch == 2**70


def test_a_killed_process_leaves_what_it_had_flushed(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, signal
from nndoctor.recording import Recorder
from nndoctor.records import Step
recorder = Recorder(pathlib.Path({str(tmp_path / FILE_NAME)!r}))
for step in range(100):
    recorder.add(Step(step=step))
recorder.flush()
recorder.add(Step(step=100))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert len(Recording.open(tmp_path / FILE_NAME).rows(Step)) == 100


def test_it_can_be_read_while_it_grows(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / FILE_NAME)
    recorder.add(Step())
    recorder.flush()
    assert len(Recording.open(tmp_path / FILE_NAME).rows(Step)) == 1
    recorder.close()


def test_an_older_recording_lacks_columns_and_tables(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("CREATE TABLE step (experiment TEXT, step INTEGER, gone INTEGER)")
        database.execute("INSERT INTO step VALUES ('observe', 7, 1)")
    database.close()
    run = Recording.open(tmp_path / FILE_NAME)
    [step] = run.rows(Step)
    assert (step.step, step.optimizer_steps) == (7, 0)
    assert math.isnan(step.loss)
    assert run.rows(Batch) == []


def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no recording"):
        Recording.open(tmp_path / FILE_NAME)
    (tmp_path / "text").write_text("not a database, but long enough to be taken for one" * 50)
    with pytest.raises(RecordingError, match="cannot be read"):
        Recording.open(tmp_path / "text")
    with sqlite3.connect(tmp_path / "later") as database:
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(RecordingError, match="later nndoctor"):
        Recording.open(tmp_path / "later")


def test_a_frame_has_a_column_per_field_even_without_rows() -> None:
    assert list(Recording.of([]).frame(Environment).columns) == ["experiment", "segment", "step", "name", "value"]


def test_many_rows_at_once_come_in_their_order(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / FILE_NAME)
    for count in (0, 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE - 1):
        for step in range(count):
            recorder.hold(Step(step=step, loss=float(count)))
        recorder.flush()
    recorder.close()
    rows = Recording.open(tmp_path / FILE_NAME).rows(Step)
    for count in (1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE - 1):
        assert [row.step for row in rows if row.loss == count] == [*range(count)]


def test_no_statement_has_too_many_values() -> None:
    assert max(len(dataclasses.fields(kind)) for kind in KINDS) * AT_ONCE <= 999


HEADS = [("weight", "a", "", 0, 4), ("update", "b", "Linear", 1, 3)]


def block(*absmax: float) -> bytes:
    """Return a step's figures of as many tensors."""
    return b"".join(FORMAT.pack(0.5, 0.25, value, math.inf, 0.0, math.nan, 2.0) for value in absmax)


def test_blocks_are_read_as_rows_among_the_others(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / FILE_NAME)
    recorder.hold_blocks(HEADS, [(0, 2), (0, 4)], block(1.0, 2.0, 3.0, 4.0))
    recorder.hold_blocks(HEADS[:1], [(0, 3)], block(5.0))
    for segment, step in ((0, 1), (0, 4), (1, 0)):
        recorder.hold(TensorStats(name="row", segment=segment, step=step))
    recorder.close()
    Recorder(tmp_path / FILE_NAME).close()  # it is opened again for the report
    rows = Recording.open(tmp_path / FILE_NAME).rows(TensorStats)
    assert [(row.segment, row.step, row.name) for row in rows] == [
        (0, 1, "row"),
        (0, 2, "a"),
        (0, 2, "b"),
        (0, 3, "a"),
        (0, 4, "row"),
        (0, 4, "a"),
        (0, 4, "b"),
        (1, 0, "row"),
    ]
    update = TensorStats(
        experiment="observe", step=2, kind="update", name="b", type="Linear", order=1, numel=3, mean=0.5, std=0.25,
        absmax=2.0, norm=math.inf, zero_share=0.0, saturated_share=math.nan, non_finite=2,
    )  # fmt: skip
    assert repr(rows[2]) == repr(update)


@pytest.mark.parametrize("layouts", [1, 7])
@pytest.mark.parametrize("as_rows", [False, True])
def test_thinned_blocks_keep_the_ends_and_each_tensors_extremes(tmp_path: Path, layouts: int, as_rows: bool) -> None:  # noqa: FBT001
    """As single rows do, also where a tensor's size is another one in each step."""
    least, greatest, broken = 333, 777, 911
    recorder = Recorder(tmp_path / FILE_NAME)
    for step in range(1000):
        value = {least: -1.0, greatest: 9.0, broken: math.nan}.get(step, 1.0)
        heads = [("weight", "a", "", 0, 4 + step % layouts), *HEADS[1:]]
        if as_rows:
            figures = [(value, 0), (-value, 0)]
            recorder.hold_values(
                TensorStats,
                [row_of(h, (0, step), (0, 0, v, 0, 0, 0, n)) for h, (v, n) in zip(heads, figures, strict=True)],
            )
        else:
            recorder.hold_blocks(heads, [(0, step)], block(value, -value))
    recorder.flush()
    recorder.thin(TensorStats, "absmax", per=("kind", "name"))
    kept = [row.step for row in Recording.open(tmp_path / FILE_NAME).rows(TensorStats) if row.name == "a"]
    assert as_rows or broken in kept  # in a plain column a NaN is none
    for _ in range(2):
        left = recorder.thin(TensorStats, "absmax", per=("kind", "name"))
    recorder.close()
    rows = Recording.open(tmp_path / FILE_NAME).rows(TensorStats)
    assert len(rows) == left
    assert len(rows) < 2 * (1000 / 8 + 2 * 110)
    assert len({(row.step, row.name) for row in rows}) == left
    for name in "ab":
        steps = [row.step for row in rows if row.name == name]
        assert steps == sorted(steps)
        assert {0, 1, 2, 3, 4, 999, least, greatest} <= set(steps)
