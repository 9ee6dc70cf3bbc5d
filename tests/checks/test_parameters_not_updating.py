"""parameters-not-updating, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Optimizer, OptimizerStep, Parameter, Record, TensorStats
from nndoctor_checks.implementation.parameters_not_updating import parameters_not_updating

STUCK = Parameter(
    name="body.weight", shape=(8, 8), optimizer="Adam#0", steps=40, gradient_steps=40, changed=False, lr=0.0
)
SLOW = replace(STUCK, lr=1e-12)
ADAM = Optimizer(name="Adam#0", file="train.py", line=30)
NORM = TensorStats(kind="gradient", name="body.weight", norm=0.1)


def steps(**fields: bool) -> list[Record]:
    return [OptimizerStep(optimizer="Adam#0", step=i, **fields) for i in range(40)]


def found(*records: Record) -> list[Finding]:
    return parameters_not_updating(Recording.of([*records, ADAM]))


def test_a_learning_rate_of_zero() -> None:
    [finding] = found(STUCK, replace(STUCK, name="body.bias", shape=(8,)), *steps())
    assert finding.severity is None
    assert "learning rate is 0" in finding.message
    assert len(finding.names) == 2
    assert str(finding.where) == "train.py:30"


def test_updates_lost_in_rounding() -> None:
    [finding] = found(SLOW, NORM, *steps())
    assert finding.severity is None
    assert "rounding" in finding.message


def test_the_scaler_skips_every_step() -> None:
    [finding] = found(SLOW, *steps(skipped_by_scaler=True))
    assert "GradScaler" in finding.message


def test_only_warns_where_it_may_be_meant() -> None:
    [finding] = found(replace(STUCK, loaded=True), *steps())
    assert finding.severity is Severity.WARNING
    [finding] = found(SLOW, replace(NORM, norm=1e-12), *steps())
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "stuck",
    [
        pytest.param(replace(STUCK, changed=True), id="it moves"),
        pytest.param(replace(STUCK, optimizer=""), id="in no optimizer: another check"),
        pytest.param(replace(STUCK, gradient_steps=10), id="rarely a gradient"),
        pytest.param(replace(STUCK, steps=4, gradient_steps=4), id="too few steps"),
        pytest.param(replace(STUCK, optimizer="Adam#1"), id="its optimizer never steps: another check"),
        pytest.param(replace(SLOW, shape=(8,), lr=0.1), id="a bias before BatchNorm"),
        pytest.param(replace(STUCK, requires_grad=False), id="frozen"),
    ],
)
def test_is_silent(stuck: Parameter) -> None:
    assert found(stuck, *steps()) == []
