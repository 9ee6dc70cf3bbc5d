"""sigmoid-into-bce-with-logits, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Recording, Severity
from nndoctor.records import LossCall
from nndoctor_checks.implementation.sigmoid_into_bce_with_logits import sigmoid_into_bce_with_logits

CALL = LossCall(
    function="binary_cross_entropy_with_logits",
    unit_interval=True,
    graph=("SqueezeBackward0", "SigmoidBackward0", "AddmmBackward0"),
    value=0.7,
)
PLAIN = replace(CALL, graph=("AddmmBackward0", "SigmoidBackward0"))


def test_reports_a_sigmoid() -> None:
    [finding] = sigmoid_into_bce_with_logits(Recording.of([CALL]))
    assert "0.69" in finding.message
    assert finding.severity is None


def test_without_a_sigmoid_it_takes_longer_and_is_a_warning() -> None:
    assert not sigmoid_into_bce_with_logits(Recording.of([PLAIN] * 9))
    [finding] = sigmoid_into_bce_with_logits(Recording.of([PLAIN] * 10))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param([replace(CALL, unit_interval=False)] * 20, id="logits"),
        pytest.param([PLAIN] * 19 + [replace(PLAIN, unit_interval=False)], id="logits that start small"),
        pytest.param([replace(PLAIN, requires_grad=False, graph=())] * 20, id="labels where logits belong"),
        pytest.param([replace(CALL, function="binary_cross_entropy")] * 20, id="the other loss"),
    ],
)
def test_is_silent(calls: list[LossCall]) -> None:
    assert sigmoid_into_bce_with_logits(Recording.of(calls)) == []
