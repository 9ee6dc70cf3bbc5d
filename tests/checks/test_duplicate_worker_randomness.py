"""duplicate-worker-randomness, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import Loader, Record, WorkerRandomness
from nndoctor_checks.dataset.duplicate_worker_randomness import duplicate_worker_randomness

ROW = WorkerRandomness(
    loader="a", owner="dataset.rng", kind="Generator", workers=4, compared=4, same_workers=4, same_epochs=4
)


def found(*records: Record) -> list[Finding]:
    return duplicate_worker_randomness(Recording.of(records))


def test_in_workers_and_epochs() -> None:
    [finding] = found(ROW, Loader(name="a", file="train.py", line=9))
    assert "the same numbers in every worker and in every epoch" in finding.message
    assert str(finding.where) == "train.py:9"


def test_one_worker_repeats_itself_in_each_epoch() -> None:
    [finding] = found(replace(ROW, workers=1, same_workers=0))
    assert "in every epoch:" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, same_workers=0, same_epochs=1), id="each its own"),
        pytest.param(replace(ROW, compared=0, same_workers=0, same_epochs=0), id="nothing compared"),
    ],
)
def test_is_silent(row: WorkerRandomness) -> None:
    assert found(row) == []
