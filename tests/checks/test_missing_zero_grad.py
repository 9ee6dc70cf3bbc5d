"""missing-zero-grad, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import NonFinite, OptimizerStep, Record
from nndoctor_checks.procedure.missing_zero_grad import missing_zero_grad


def found(*records: Record) -> list[Finding]:
    return missing_zero_grad(Recording.of(records))


def steps(*stale: int, backwards: int = 1, skipped: bool = False, name: str = "SGD#0") -> list[Record]:
    return [
        OptimizerStep(step=i, optimizer=name, parameters=4, with_gradient=4, stale=s, backwards=backwards,
                      skipped_by_scaler=skipped, gradient_norm=1.0 + i, file="train.py", line=20)
        for i, s in enumerate(stale)
    ]  # fmt: skip


def test_reports_gradients_that_pile_up() -> None:
    [finding] = found(*steps(0, 4, 4, 4, 4))
    assert "In 4 of 4 steps of SGD#0" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:20"
    assert finding.names == ("SGD#0",)


def test_one_optimizer_of_two() -> None:
    [finding] = found(*steps(0, 4, 4, 4), *steps(0, 0, 0, 0, name="Adam#1"))
    assert finding.names == ("SGD#0",)


@pytest.mark.parametrize(
    "stale", [pytest.param((0, 4, 4, 4, 0), id="most steps"), pytest.param((0, 1, 1, 1, 1), id="one parameter")]
)
def test_less_is_a_warning(stale: tuple[int, ...]) -> None:
    [finding] = found(*steps(*stale))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(steps(0, 0, 0, 0, 0), id="cleared"),
        pytest.param(steps(0, 0, 0, 0, backwards=4), id="accumulation"),
        pytest.param(steps(4, 0, 0, 0, 0), id="only before the first step"),
        pytest.param(steps(0, 0, 4, 0, 0), id="once"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(steps(0, 4), id="two steps"),
        pytest.param(steps(0, 4, 4, 4, 4, backwards=0), id="second step on the same gradients"),
        pytest.param(steps(0, 4, 4, 4, 4, skipped=True), id="skipped by the scaler"),
        pytest.param([*steps(0, 4, 4, 4), NonFinite(step=1)], id="after the first NaN"),
        pytest.param([OptimizerStep(step=i, lr=math.nan) for i in range(5)], id="no gradients"),
    ],
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
