"""non-finite-input, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Batch, Loader, NonFinite, Record, Step
from nndoctor_checks.dataset.non_finite_input import non_finite_input


def found(*records: Record) -> list[Finding]:
    return non_finite_input(Recording.of(records))


CLEAN = Batch(role="input", leaf="0", source="loader", shape=(32, 12), dtype="float32", min=-2, max=2)


def batch(step: int, bad: int = 0) -> Batch:
    return replace(CLEAN, step=step, non_finite=bad, first_bad=bad - 1)


def test_reports_where_it_was_first_seen() -> None:
    steps = [Step(step=0, loss=0.7), Step(step=1, loss=math.nan)]
    loader = Loader(name="loader", file="train.py", line=40)
    nan = NonFinite(step=1, phase="data")
    [finding] = found(batch(0), batch(1, bad=3), *steps, loader, nan)
    assert "1 of 2 batches: 3 values, first in sample 2 of the batch of step 1" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:40"
    assert finding.names == ("0",)


def test_a_finite_loss_makes_it_a_note() -> None:
    [finding] = found(batch(0, bad=3), Step(step=0, loss=0.7))
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(batch(0), id="clean"),
        pytest.param(replace(batch(0, bad=3), min=0.0, max=0.0), id="additive attention mask"),
        pytest.param(replace(batch(0, bad=3), dtype="int64"), id="no floating-point numbers"),
        pytest.param(replace(batch(0, bad=3), experiment="overfit"), id="a batch of an experiment"),
    ],
)
def test_is_silent(row: Batch) -> None:
    assert found(row, Step(step=0, loss=math.nan)) == []
