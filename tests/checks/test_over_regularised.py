"""over-regularised, on statistics typed by hand."""

import math

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import LossCall, Optimizer, Parameter, Step, TensorStats
from nndoctor_checks.training.over_regularised import over_regularised


def rows(gradient, *, kind="SGD", decay=0.1, loaded=False, groups=1, update=math.nan):
    yield Optimizer(name="o", type=kind, weight_decay=decay, groups=groups, file="t.py", line=5)
    yield Parameter(name="fc.weight", shape=(8, 8), numel=64, optimizer="o", lr=0.1, loaded=loaded)
    for step in range(8):
        for what, size in (("weight", 0.1), ("gradient", gradient), ("update", update)):
            yield TensorStats(kind=what, name="fc.weight", step=step, mean=0.0, std=size, numel=64, norm=8 * size)


def test_finds_decay_above_the_gradient():
    [finding] = over_regularised(Recording.of(rows(0.001)))
    assert finding.names == ("fc.weight",)
    assert finding.where.line == 5


def test_takes_decoupled_decay_off_the_update():
    [finding] = over_regularised(Recording.of(rows(1.0, kind="AdamW", decay=0.5, update=0.0052)))
    assert "AdamW" in finding.advice


def test_a_tiny_factor_of_the_loss_is_the_cause_and_the_decay_a_note():
    tiny = [Step(step=i, loss=1e-3 * (2 + i), backwards=1) for i in range(8)]
    calls = [LossCall(step=i, function="cross_entropy", value=2.0 + i) for i in range(8)]
    [finding] = over_regularised(Recording.of([*rows(1e-6, decay=1e-4), *tiny, *calls]))
    assert finding.severity is Severity.NOTE
    assert "multiplied by 0.001" in finding.message
    [finding] = over_regularised(Recording.of([*rows(1e-6, decay=0.1), *tiny, *calls]))
    assert finding.severity is None  # without the factor, too


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(rows(0.05), id="gradient above"),
        pytest.param(rows(0.001, decay=1e-4), id="usual decay"),
        pytest.param(rows(1e-6, kind="AdamW", decay=0.01, update=0.1), id="AdamW"),
        pytest.param(rows(1e-6, decay=0.0), id="none"),
    ],
)
def test_is_silent(given):
    assert over_regularised(Recording.of(given)) == []


@pytest.mark.parametrize("fields", [{"loaded": True}, {"groups": 2}, {"kind": "Lion"}])
def test_does_not_judge(fields):
    with pytest.raises(Skip):
        over_regularised(Recording.of(rows(0.001, **fields)))
