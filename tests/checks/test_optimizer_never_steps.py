"""optimizer-never-steps, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import OVERFIT, Backward, Optimizer, OptimizerStep, Record, Step
from nndoctor_checks.procedure.optimizer_never_steps import optimizer_never_steps

ADAM = Optimizer(name="Adam#0", file="train.py", line=12)


def found(*records: Record) -> list[Finding]:
    return optimizer_never_steps(Recording.of(records))


def steps(
    count: int, experiment: str = "observe", *, changed: bool = False, stepped: int = 0, reached: int = 4
) -> list[Record]:
    rows: list[Record] = []
    for i in range(count):
        rows.append(
            Step(experiment=experiment, step=i, loss=math.nan, backwards=1, optimizer_steps=stepped,
                 parameters_changed=changed)
        )  # fmt: skip
        rows.append(Backward(experiment=experiment, step=i, reached=reached, file="train.py", line=20))
    return rows


def test_reports_a_missing_step() -> None:
    [finding] = found(*steps(40), *steps(150, OVERFIT), ADAM)
    assert "190 times, but Adam#0 never stepped" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:20"


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*steps(40), ADAM], id="gradients may still be collected"),
        pytest.param([*steps(40), *steps(150, OVERFIT)], id="no optimizer: perhaps only gradients are wanted"),
    ],
)
def test_less_certain_is_a_warning(records: list[Record]) -> None:
    [finding] = found(*records)
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*steps(200, stepped=1, changed=True), ADAM], id="healthy"),
        pytest.param(steps(200, changed=True), id="updated by hand"),
        pytest.param([*steps(40), *steps(150, OVERFIT, stepped=1), ADAM], id="accumulation over more than was seen"),
        pytest.param([*steps(200), ADAM, OptimizerStep(skipped_by_scaler=True)], id="skipped by the scaler"),
        pytest.param([*steps(200, reached=0), ADAM], id="gradients of the input only"),
        pytest.param([*steps(3), ADAM], id="too few"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
