"""accumulation-scale, on a loop typed by hand."""

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import KINDS, Backward, Clipping, LossCall, Optimizer, OptimizerStep, Record, Step
from nndoctor_checks.procedure.accumulation_scale import accumulation_scale


def loop(*, k=4, divided=1.0, kind="SGD", batches=24, passes=1, grows=1.0):
    rows: list[Record] = [Optimizer(name="o", type=kind)]
    for i in range(batches):
        rows.append(Step(step=i, backwards=passes, loss=1.5 * grows**i, optimizer_steps=int(i % k == k - 1), lr=0.1))
        rows += [Backward(step=i, loss=1.5 / divided, file="t.py", line=5), LossCall(step=i, value=1.5)]
        if i % k == k - 1:
            rows.append(OptimizerStep(step=i, optimizer="o", backwards=k * passes))
    return Recording.of(rows)


def test_finds_a_sum():
    [finding] = accumulation_scale(loop())
    assert "4 batches" in finding.message
    assert finding.where.line == 5
    assert finding.severity is None
    assert finding.explains is None


def test_where_the_loss_rises_the_sum_explains_the_rate_that_is_too_high():
    [finding] = accumulation_scale(loop(grows=1.1))
    assert finding.severity is Severity.WARNING
    assert finding.explains is not None
    assert "learning-rate-too-high" in finding.explains
    [finding] = accumulation_scale(loop(grows=0.9))
    assert finding.severity is None


@pytest.mark.parametrize(
    "recording",
    [
        pytest.param(loop(divided=4.0), id="divided"),
        pytest.param(loop(k=1), id="a step for each batch"),
        pytest.param(loop(k=1, passes=2), id="two losses on one batch"),
        pytest.param(loop(divided=float("inf")), id="zero"),
    ],
)
def test_is_silent(recording):
    assert accumulation_scale(recording) == []


def test_adam_with_clipping():
    adam = loop(kind="Adam")
    rows = [row for kind in KINDS for row in adam.rows(kind)]
    [finding] = accumulation_scale(Recording.of([*rows, Clipping(step=3, max_norm=1.0)]))
    assert "4 times sooner" in finding.message


def test_does_not_judge_adam():
    with pytest.raises(Skip):
        accumulation_scale(loop(kind="Adam"))
