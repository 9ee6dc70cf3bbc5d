"""loss-sign, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import OVERFIT, Experiment, LossCall, Parameter, Record, Step, StepDirection
from nndoctor_checks.implementation.loss_sign import loss_sign

RISING = [0.7 + 0.1 * i for i in range(8)]


def found(*records: Record) -> list[Finding]:
    return loss_sign(Recording.of(records))


def run(factor: float = -1.0, function: str = "cross_entropy", values: list[float] = RISING) -> list[Record]:
    rows: list[Record] = []
    for i, value in enumerate(values):
        rows.append(Step(step=i, loss=factor * value, backwards=1))
        rows.append(LossCall(step=i, function=function, value=value, file="a.py", line=4))
    return rows


def moves(cosine: float, *, maximize: bool = False) -> list[Record]:
    return [StepDirection(step=i, cosine=cosine, maximize=maximize) for i in range(4)]


def by_hand(*, score: float, losses: tuple[float, float] = (-1.0, -9.0)) -> list[Record]:
    call = {"function": "getitem", "log_probabilities": True, "metric": "accuracy", "chance": 0.4}
    rows: list[Record] = [Step(step=i, loss=-1.0, backwards=1) for i in range(8)]
    rows += [LossCall(step=i, **call) for i in range(8)]
    rows.append(Experiment(name=OVERFIT, steps=20))
    for i in range(20):
        rows.append(Step(experiment=OVERFIT, step=i, loss=losses[0] if i < 10 else losses[1], backwards=1))
        rows.append(LossCall(experiment=OVERFIT, step=i, score=score, distinct_targets=3, **call))
    return rows


def test_a_negated_loss() -> None:
    [finding] = found(*run(), *moves(-0.9))
    assert finding.severity is None
    assert "maximises cross_entropy from 0.7 to 1.4" in finding.message
    assert str(finding.where) == "a.py:4"


@pytest.mark.parametrize(
    "function",
    ["hinge_embedding_loss", "triplet_margin_loss", "multi_margin_loss", "soft_margin_loss", "gaussian_nll_loss"],
)
def test_other_losses_that_are_smaller_the_better(function: str) -> None:
    [finding] = found(*run(function=function))
    assert f"maximises {function}" in finding.message


def test_a_density_is_judged_below_zero_as_well() -> None:
    falling = [-0.55 + 0.1 * i for i in range(8)]
    assert found(*run(-1.0, "gaussian_nll_loss", falling))
    assert not found(*run(1.0, "gaussian_nll_loss", [-v for v in falling]))


def test_scaled_too() -> None:
    assert found(*run(-0.25))


def test_steps_up_the_gradient() -> None:
    [finding] = found(*run(1.0, "mse_loss"), *moves(0.9))
    assert "goes up its gradient" in finding.message
    [finding] = found(*run(1.0), *moves(0.9, maximize=True))
    assert "`maximize=True`" in finding.message


def test_a_log_likelihood_by_hand_is_a_warning() -> None:
    [finding] = found(*by_hand(score=0.0))
    assert finding.severity is Severity.WARNING


def with_penalty() -> list[Record]:
    return [Step(step=i, loss=5.0 - v, backwards=1) for i, v in enumerate(RISING)] + [
        LossCall(step=i, function="cross_entropy", value=v) for i, v in enumerate(RISING)
    ]


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*run(1.0), *moves(-0.9)], id="healthy"),
        pytest.param([*run(1.0), *moves(-0.9)[:2], *moves(0.4)], id="momentum overshoots later"),
        pytest.param([*run(), *moves(0.9, maximize=True)], id="two minus signs"),
        pytest.param([*run(), Experiment(name=OVERFIT, objectives=2)], id="a generator against its discriminator"),
        pytest.param(run(function="kl_div"), id="a divergence may be maximised"),
        pytest.param(run(function="nll_loss"), id="no log-probabilities: another check"),
        pytest.param(run(function="ctc_loss"), id="ctc without log-probabilities: another check"),
        pytest.param(run(function="poisson_nll_loss"), id="counts that are not known to be counts"),
        pytest.param(run(1.0, "gaussian_nll_loss", [-v for v in RISING]), id="a likelihood of a density above one"),
        pytest.param(run(values=RISING[:4]), id="too few steps"),
        pytest.param(run(values=[math.nan] * 8), id="NaN"),
        pytest.param(
            [*run(), Parameter(name="patch", numel=10), Parameter(name="w", numel=900, changed=False)], id="an attack"
        ),
        pytest.param(with_penalty(), id="one term of several"),
        pytest.param([*run(1.0), StepDirection(cosine=0.9)], id="one step only"),
        pytest.param(by_hand(score=0.4), id="a policy, no worse than chance"),
        pytest.param(by_hand(score=0.0, losses=(1.0, -9.0)), id="not negative from the start"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
