"""gradients-cleared-before-step, on recordings typed by hand."""

from __future__ import annotations

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import OptimizerStep, Record
from nndoctor_checks.procedure.gradients_cleared_before_step import gradients_cleared_before_step


def found(*records: Record) -> list[Finding]:
    return gradients_cleared_before_step(Recording.of(records))


def steps(left: int, cleared: int, backwards: int = 1, count: int = 10) -> list[Record]:
    return [
        OptimizerStep(step=i, optimizer="Adam#0", parameters=6, with_gradient=left, cleared=cleared,
                      backwards=backwards, file="train.py", line=31)
        for i in range(count)
    ]  # fmt: skip


def test_reports_the_wrong_order() -> None:
    [finding] = found(*steps(0, 6))
    assert "In 10 of 10 steps of Adam#0 no gradient was left: 6 of 6" in finding.message
    assert str(finding.where) == "train.py:31"
    assert finding.severity is None


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(steps(6, 0), id="healthy"),
        pytest.param(steps(4, 2), id="some are held still"),
        pytest.param(steps(0, 0), id="there never were any"),
        pytest.param(steps(6, 0) + steps(0, 6, count=2), id="a bad gradient dropped now and then"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records", [pytest.param(steps(0, 6, count=2), id="few"), pytest.param(steps(0, 6, backwards=0), id="no backward")]
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
