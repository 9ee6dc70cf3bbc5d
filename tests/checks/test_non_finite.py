"""non-finite, on traced origins typed by hand."""

import math

import pytest

from nndoctor import Recording, Severity
from nndoctor.records import COAST, OVERFIT, Backward, NonFinite, Step
from nndoctor_checks.training.non_finite import non_finite

STEPS = [Step(step=i, loss=1.0, backwards=1) for i in range(5)]


def bad(**fields) -> NonFinite:
    given = {"step": 3, "phase": "forward", "operation": "log", "file": "t.py", "line": 31, "inputs": "min 0, 3 zeros"}
    return NonFinite(**(given | fields))


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "clamp"),
        ({"phase": "backward", "operation": "SqrtBackward0"}, "inside it"),
        ({"phase": "backward", "operation": "LinalgVectorNormBackward0"}, "inside"),
        ({"operation": "div"}, "denominator"),
        ({"operation": "exp"}, "x.max()"),
        ({"operation": "addmm"}, "overflow"),
        ({"phase": "data", "operation": ""}, "in the batch"),
        ({"phase": "weights", "operation": "", "tensor": "scale"}, "parameter"),
        ({"phase": "optimizer", "operation": ""}, "learning rate"),
        ({"phase": "unknown", "operation": ""}, "detect_anomaly"),
    ],
)
def test_names_the_origin_and_the_remedy(fields, word):
    [finding] = non_finite(Recording.of([*STEPS, bad(**fields)]))
    assert word in finding.advice
    assert "step 3" in finding.message
    assert finding.where.line == 31
    assert finding.severity is None


def test_tells_the_inputs_and_the_module():
    [finding] = non_finite(Recording.of([*STEPS, bad(module="head")]))
    assert "`log` in `head`" in finding.message
    assert "3 zeros" in finding.message


def test_one_finding_for_each_phase_of_the_script():
    rows = [*STEPS, Step(segment=1, loss=1.0, backwards=1), bad(), bad(step=4), bad(segment=1)]
    assert len(non_finite(Recording.of(rows))) == 2


@pytest.mark.parametrize("experiment", [COAST])
def test_later_epochs_count(experiment):
    assert len(non_finite(Recording.of([*STEPS, bad(experiment=experiment)]))) == 1


def test_what_only_the_repeated_batch_met_is_a_warning():
    [finding] = non_finite(Recording.of([*STEPS, bad(experiment=OVERFIT)]))
    assert finding.severity is Severity.WARNING


def test_a_loss_that_was_not_traced():
    broken = [Step(step=5, loss=math.nan, backwards=1), Backward(step=5, file="t.py", line=40)]
    [finding] = non_finite(Recording.of([*STEPS, *broken]))
    assert not finding.certain
    assert finding.where.line == 40


def test_a_loss_that_recovers_is_a_warning():
    rows = [*STEPS, Step(step=5, loss=math.inf, backwards=1), Step(step=6, loss=1.0, backwards=1)]
    [finding] = non_finite(Recording.of(rows))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(STEPS, id="finite"),
        pytest.param([*STEPS, bad(harmless=True), Step(step=3, loss=math.inf, backwards=1)], id="caught by a scaler"),
        pytest.param([*STEPS, Step(step=5, loss=math.nan, backwards=0)], id="no backward"),
        pytest.param([*STEPS, bad(experiment="overfit:x10")], id="at ten times the rate"),
    ],
)
def test_is_silent(rows):
    assert non_finite(Recording.of(rows)) == []
