"""metric-at-chance, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import OVERFIT, Experiment, LossCall, Module, Record, Step
from nndoctor_checks.implementation.metric_at_chance import metric_at_chance

if TYPE_CHECKING:
    from collections.abc import Callable

CALL = LossCall(
    function="mse_loss", metric="r2", score=0.02, chance=0.0, prediction_std=0.6, target_std=1.0, file="a.py", line=7
)
WORDS = replace(CALL, function="cross_entropy", metric="accuracy", chance=0.2, distinct_targets=5, score=0.2)

TEACHER = [Module(root=name, name=name, parameters=9, calls=1) for name in ("Teacher", "Student")]


def found(*records: Record) -> list[Finding]:
    return metric_at_chance(Recording.of(records))


def run(call: LossCall = CALL, *, losses: tuple[float, float] = (4.0, 1.0), steps: int = 60) -> list[Record]:
    rows: list[Record] = [Experiment(name=OVERFIT, steps=steps)]
    for i in range(steps):
        rows.append(Step(experiment=OVERFIT, step=i, loss=losses[int(i > steps // 3)], backwards=1, loader="d"))
        rows.append(replace(call, experiment=OVERFIT, step=i))
    return rows + [replace(call, step=i) for i in range(20)]


def with_small(change: Callable[[LossCall], LossCall]) -> list[Record]:
    return [change(r) if isinstance(r, LossCall) and r.experiment == OVERFIT else r for r in run()]


def parts(parameters: int) -> list[Record]:
    return [
        Module(root="Net", name="Net", calls=1, parameters=9),
        Module(root="Net", name="quantizer", calls=1),
        Module(root="Net", name="quantizer.codes", calls=1, parameters=parameters),
    ]


def test_a_loss_within_a_trained_layer_compares_no_predictions() -> None:
    within = run(replace(CALL, module="quantizer"))
    assert found(*within, *parts(0))
    with pytest.raises(Skip):
        found(*within, *parts(64))


def test_of_a_loss_that_the_script_reduces_nobody_knows_what_counts() -> None:
    with pytest.raises(Skip):
        found(*run(replace(WORDS, reduction="none")))


@pytest.mark.parametrize("call", [CALL, WORDS])
def test_reports_where_loss_and_score_part(call: LossCall) -> None:
    [finding] = found(*run(call))
    assert "fell from 4 to 1" in finding.message
    assert str(finding.where) == "a.py:7"
    assert not finding.certain


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(run(losses=(4.0, 3.0)), id="the loss hardly falls: nothing odd about the score"),
        pytest.param(run(replace(CALL, score=0.3)), id="on its way"),
        pytest.param(run(replace(WORDS, score=0.5)), id="above chance"),
        pytest.param(with_small(lambda c: replace(c, score=1.0)), id="a hard problem: one batch is fitted"),
        pytest.param(run(replace(CALL, prediction_std=0.01)), id="a constant: collapsed-predictions"),
        pytest.param(run(losses=(-1.0, -4.0)), id="an objective below zero"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*run(), Experiment(name="x", objectives=2)], id="several objectives"),
        pytest.param([*run(), *TEACHER], id="a teacher"),
        pytest.param([r for r in run() if not getattr(r, "loader", "")], id="estimates"),
        pytest.param(run(steps=30), id="too few steps"),
        pytest.param(run(replace(CALL, metric="")), id="no score"),
        pytest.param(run(replace(CALL, score=math.nan)), id="NaN"),
        pytest.param(run(replace(CALL, target_std=0.0)), id="nothing to tell apart"),
    ],
)
def test_does_not_judge(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
