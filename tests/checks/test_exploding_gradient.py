"""exploding-gradient, on norms typed by hand."""

import math

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import (
    OVERFIT,
    Experiment,
    NonFinite,
    Optimizer,
    OptimizerStep,
    Parameter,
    Record,
    Step,
    TensorStats,
)
from nndoctor_checks.training.exploding_gradient import exploding_gradient

FLAT = [2.3] * 40


def norms(values, losses=FLAT) -> list[Record]:
    rows: list[Record] = [Optimizer(name="SGD#0", type="SGD", file="t.py", line=6)]
    for i, (norm, loss) in enumerate(zip(values, losses, strict=True)):
        rows.append(OptimizerStep(step=i, optimizer="SGD#0", gradient_norm=norm))
        rows.append(Step(step=i, loss=loss, backwards=1))
    return rows


def layers(gradients, weight=1.0) -> list[Record]:
    rows: list[Record] = []
    for i, size in enumerate(gradients):
        name = f"{i}.weight"
        rows.append(Parameter(name=name, order=i, shape=(64, 64), numel=4096, root="RNN", file="t.py", line=2))
        for step in range(4):
            rows.append(TensorStats(kind="gradient", name=name, step=step, norm=64 * size, numel=4096))
            rows.append(TensorStats(kind="weight", name=name, step=step, norm=64 * weight, numel=4096))
    return rows


GROWING = [1.2**i for i in range(40)]


def test_finds_growth_through_the_depth():
    [finding] = exploding_gradient(Recording.of([*norms([2e4] * 40), *layers([400, 350, 0.07])]))
    assert finding.severity is None
    assert finding.names == ("0.weight", "1.weight")
    assert finding.where.line == 2


def test_finds_growth_within_the_run():
    [finding] = exploding_gradient(Recording.of(norms(GROWING)))
    assert finding.severity is None
    assert finding.where.line == 6


def test_a_spike_is_a_warning():
    values = [1.0] * 40
    values[20] = 5e4
    [finding] = exploding_gradient(Recording.of(norms(values)))
    assert finding.severity is Severity.WARNING


def test_finds_outputs_that_swell():
    stats = [TensorStats(name="fc", type="Linear", step=4 * i, std=10.0**i) for i in range(6)]
    weights = [
        Parameter(name=f"{n}.weight", module=n, shape=(8, 8), numel=64, order=i) for i, n in enumerate(("fc", "o"))
    ]
    [finding] = exploding_gradient(Recording.of([*norms([1.0] * 40), *stats, *weights]))
    assert "`fc`" in finding.message


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(norms([1e5] * 40), id="large from the start: a summed loss"),
        pytest.param(norms(GROWING, [2.3 * 0.95**i for i in range(40)]), id="growing while the loss falls"),
        pytest.param([*norms([1.0] * 40), *layers([400, 0.1, 0.07])], id="one weight alone: large inputs"),
        pytest.param([*norms([1.0] * 40), *layers([0.4, 0.35, 7e-5])], id="small beside the weights: clipped"),
    ],
)
def test_is_silent(rows):
    assert exploding_gradient(Recording.of(rows)) == []


def test_a_gan_is_milder():
    [finding] = exploding_gradient(Recording.of([*norms(GROWING), Experiment(name=OVERFIT, objectives=2)]))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([*norms(GROWING), NonFinite(step=39, phase="forward", operation="log")], id="log near 0"),
        pytest.param(norms([math.nan] * 40), id="NaN"),
        pytest.param(norms(GROWING)[:10], id="too short"),
    ],
)
def test_does_not_judge(rows):
    with pytest.raises(Skip):
        exploding_gradient(Recording.of(rows))
