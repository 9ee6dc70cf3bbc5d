"""collapsed-predictions, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import COAST, OVERFIT, LossCall, OptimizerStep, Record
from nndoctor_checks.implementation.collapsed_predictions import collapsed_predictions

ONE_CLASS = LossCall(
    function="cross_entropy",
    metric="accuracy",
    score=0.1,
    chance=0.15,
    distinct_predictions=1,
    distinct_targets=10,
    value=2.3,
    file="a.py",
    line=8,
)
FINE = replace(ONE_CLASS, distinct_predictions=9, score=0.8)
FLAT = LossCall(function="mse_loss", metric="r2", score=0.0, chance=0.0, prediction_std=0.01, target_std=1.0, value=1.0)


def calls(call: LossCall, count: int, experiment: str = "observe") -> list[Record]:
    steps: list[Record] = [OptimizerStep(step=i, experiment=experiment) for i in range(count)]
    return steps + [replace(call, step=i, experiment=experiment) for i in range(count)]


def found(*records: Record) -> list[Finding]:
    return collapsed_predictions(Recording.of(records))


@pytest.mark.parametrize("call", [ONE_CLASS, FLAT])
def test_is_an_error_if_one_batch_is_not_learnt_either(call: LossCall) -> None:
    [finding] = found(*calls(call, 40), *calls(call, 150, OVERFIT))
    assert finding.severity is None
    assert "150 steps" in finding.message


def test_is_a_warning_if_seen_only_briefly() -> None:
    [finding] = found(*calls(ONE_CLASS, 40))
    assert finding.severity is Severity.WARNING


def test_a_loss_that_is_content_with_a_constant() -> None:
    falling: list[Record] = [
        replace(ONE_CLASS, experiment=OVERFIT, step=i, value=1.0 / (i + 1) ** 2) for i in range(15)
    ]
    [finding] = found(*calls(ONE_CLASS, 40), *falling)
    assert finding.severity is None
    assert "content with a constant" in finding.advice


def test_names_validation() -> None:
    validation = replace(ONE_CLASS, experiment=COAST, split="validation")
    [finding] = found(*calls(ONE_CLASS, 40), validation)
    assert "Validation shows the same" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(calls(FINE, 40), id="several classes"),
        pytest.param(calls(ONE_CLASS, 15), id="too early"),
        pytest.param(calls(replace(ONE_CLASS, distinct_targets=1), 40), id="one class to predict: a GAN"),
        pytest.param(calls(replace(ONE_CLASS, chance=0.95, score=0.95), 40), id="rare positives"),
        pytest.param(calls(replace(ONE_CLASS, metric=""), 40), id="no metric"),
        pytest.param([*calls(ONE_CLASS, 40), *calls(FINE, 30, OVERFIT)], id="learns one batch"),
        pytest.param([*calls(ONE_CLASS, 40), *calls(ONE_CLASS, 49, OVERFIT)], id="experiment too short"),
        pytest.param([*calls(ONE_CLASS, 20), *calls(FINE, 20)], id="it went over"),
        pytest.param(calls(replace(FLAT, prediction_std=0.5, score=0.3), 40), id="regression that varies"),
        pytest.param(calls(replace(FLAT, target_std=0.0), 40), id="LSGAN: constant target"),
        pytest.param(calls(replace(FLAT, prediction_std=math.nan, score=math.nan), 40), id="NaN"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def test_is_silent_while_the_loss_falls() -> None:
    falling = [replace(ONE_CLASS, step=i, value=2.3 - 0.01 * i) for i in range(40)]
    assert not found(*[OptimizerStep(step=i) for i in range(40)], *falling)
