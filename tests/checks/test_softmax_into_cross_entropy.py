"""softmax-into-cross-entropy, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import LossCall, Record, SoftmaxCall
from nndoctor_checks.implementation.softmax_into_cross_entropy import softmax_into_cross_entropy

CALL = LossCall(
    function="cross_entropy",
    probabilities=True,
    unit_interval=True,
    classes=10,
    input_shape=(32, 10),
    graph=("SoftmaxBackward0", "AddmmBackward0"),
    value=2.2,
    file="train.py",
    line=5,
)
UNKNOWN = replace(CALL, graph=("IndexBackward0", "AddmmBackward0", "SoftmaxBackward0"))


def found(*records: Record) -> list[Finding]:
    return softmax_into_cross_entropy(Recording.of(records))


def test_reports_the_floor_and_the_softmax() -> None:
    softmax = SoftmaxCall(name="out.softmax", shape=(32, 10), dim=1, file="model.py", line=3)
    [finding] = found(CALL, replace(CALL, step=1, value=math.nan), softmax)
    assert "1.46" in finding.message
    assert finding.names == ("out.softmax",)
    assert finding.severity is None
    assert str(finding.where) == "train.py:5"


def test_an_unknown_origin_is_a_warning() -> None:
    [finding] = found(*[replace(UNKNOWN, step=s) for s in range(5)])
    assert finding.severity is Severity.WARNING
    assert not found(UNKNOWN)


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param([replace(CALL, probabilities=False)] * 5, id="logits"),
        pytest.param([replace(CALL, log_probabilities=True, probabilities=False)] * 5, id="log-probabilities"),
        pytest.param([replace(CALL, classes=1)] * 5, id="one output"),
        pytest.param([replace(CALL, split="validation")] * 5, id="validation"),
        pytest.param([replace(CALL, function="mse_loss")] * 5, id="Brier score"),
        pytest.param([CALL, *[replace(CALL, probabilities=False)] * 4], id="only once"),
    ],
)
def test_is_silent(calls: list[LossCall]) -> None:
    assert found(*calls) == []
