"""loss-flat, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Batch, LossCall, NonFinite, OptimizerStep, Record, Step
from nndoctor_checks.implementation.loss_flat import loss_flat


def found(*records: Record) -> list[Finding]:
    return loss_flat(Recording.of(records))


def steps(*losses: float, changed: bool = True, segment: int = 0) -> list[Record]:
    return [Step(step=i, loss=v, parameters_changed=changed, segment=segment) for i, v in enumerate(losses)]


def batches(count: int, *, same: bool = False) -> list[Record]:
    return [Batch(step=i, content="a" if same else f"{i}") for i in range(count)]


def test_reports_a_constant() -> None:
    [finding] = found(*steps(*[-0.1] * 12), *batches(12), LossCall(file="a.py", line=2))
    assert "-0.1" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "a.py:2"


def test_a_single_output_is_an_error_although_the_loss_is_zero() -> None:
    [finding] = found(*steps(*[0.0] * 12), *batches(12), LossCall(function="cross_entropy", classes=1))
    assert finding.severity is None
    assert "single output" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*steps(*[0.0] * 12), *batches(12)], id="solved, or masked"),
        pytest.param([*steps(*[1.0] * 12), *batches(12), OptimizerStep(gradient_norm=0.3)], id="surrogate"),
        pytest.param([*steps(*[1.0] * 12), *batches(12), LossCall(input_dtype="bfloat16")], id="16 bits"),
    ],
)
def test_only_warns(records: list[Record]) -> None:
    [finding] = found(*records)
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*steps(*[2.30 - 1e-4 * i for i in range(20)]), *batches(20)], id="slow descent"),
        pytest.param([*steps(*[2.3] * 9), *batches(9)], id="too few steps"),
        pytest.param([*steps(*[2.3] * 20), *batches(20, same=True)], id="the same batch"),
        pytest.param([*steps(*[2.3] * 20, changed=False), *batches(20)], id="nothing is trained"),
        pytest.param([*steps(*[math.nan] * 20), *batches(20)], id="NaN"),
        pytest.param([*steps(*[2.3] * 20), *batches(20), NonFinite(step=4)], id="NaN from step 4 on"),
        pytest.param([*steps(*[2.3] * 6), *steps(*[2.3] * 6, segment=1), *batches(6)], id="two short phases"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
