"""logits-into-nll, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Recording, Severity
from nndoctor.records import LossCall
from nndoctor_checks.implementation.logits_into_nll import logits_into_nll

CALL = LossCall(function="nll_loss", graph=("AddmmBackward0",), value=-3.0, classes=10, file="a.py", line=4)


def test_reports_logits() -> None:
    [finding] = logits_into_nll(Recording.of([replace(CALL, step=s, value=-float(s)) for s in range(5)]))
    assert "raw outputs" in finding.message
    assert "-4" in finding.message
    assert finding.severity is None


def test_reports_probabilities_in_other_words() -> None:
    [finding] = logits_into_nll(Recording.of([replace(CALL, probabilities=True, graph=("SoftmaxBackward0",))]))
    assert "probabilities, not log-probabilities" in finding.message


def test_ctc_wants_log_probabilities_too() -> None:
    [finding] = logits_into_nll(Recording.of([replace(CALL, function="ctc_loss", value=2.0)]))
    assert "calls of ctc_loss got raw outputs" in finding.message
    assert "`ctc_loss`" in finding.advice
    assert finding.treatments == ()


def test_an_unknown_graph_and_a_positive_loss_is_a_warning() -> None:
    [finding] = logits_into_nll(Recording.of([replace(CALL, graph=(), value=2.0)]))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(replace(CALL, log_probabilities=True), id="as it should be"),
        pytest.param(replace(CALL, graph=("MulBackward0", "PowBackward0", "LogSoftmaxBackward0")), id="focal loss"),
        pytest.param(replace(CALL, graph=("LogSoftmaxBackward0", "AddmmBackward0")), id="over the wrong dimension"),
        pytest.param(replace(CALL, function="cross_entropy"), id="cross-entropy"),
        pytest.param(replace(CALL, split="validation"), id="validation"),
    ],
)
def test_is_silent(call: LossCall) -> None:
    assert logits_into_nll(Recording.of([call] * 5)) == []
