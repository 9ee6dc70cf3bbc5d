"""unstandardised-target, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import LossCall, NonFinite, Record
from nndoctor_checks.normalisation.unstandardised_target import unstandardised_target


def found(*records: Record) -> list[Finding]:
    return unstandardised_target(Recording.of(records))


CALL = LossCall(
    function="mse_loss",
    metric="r2",
    score=-3.0,
    target_std=80000.0,
    target_mean=150000.0,
    target_min=20000.0,
    prediction_std=0.2,
    file="train.py",
    line=30,
)


def calls(call: LossCall = CALL, **last: float) -> list[Record]:
    rows = [replace(call, step=i) for i in range(20)]
    return [*rows[:14], *(replace(row, **last) for row in rows[14:])]


def test_prices() -> None:
    [finding] = found(*calls())
    assert "standard deviation of 8e+04" in finding.message
    assert str(finding.where) == "train.py:30"


def test_far_from_zero() -> None:
    [finding] = found(*calls(replace(CALL, target_mean=1998.0, target_std=10.0, score=-40000.0)))
    assert "mean of 1,998" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(calls(replace(CALL, target_mean=0.0, target_std=1.0)), id="standardised"),
        pytest.param(calls(replace(CALL, target_mean=30.0, target_std=20.0)), id="tens"),
        pytest.param(calls(score=0.8), id="learned all the same"),
        pytest.param(calls(replace(CALL, prediction_std=20000.0)), id="the model scales its output"),
        pytest.param(calls(replace(CALL, target_mean=1998.0, target_std=10.0, score=-0.2)), id="starts at the mean"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(replace(CALL, target_is_input=True), id="autoencoder"),
        pytest.param(replace(CALL, metric="accuracy"), id="classes"),
        pytest.param(replace(CALL, target_std=math.nan), id="not a number"),
        pytest.param(replace(CALL, split="validation"), id="validation"),
    ],
)
def test_skips(call: LossCall) -> None:
    with pytest.raises(Skip):
        found(*calls(call))


EXPLODES = [
    replace(CALL, step=0, prediction_std=0.4),
    replace(CALL, step=1, prediction_std=2e5, score=-1e5),
    replace(CALL, step=2, prediction_std=1e13, score=-1e19),
]


def test_a_run_that_ends_in_nan_is_judged_by_its_first_step() -> None:
    [finding] = found(*EXPLODES, NonFinite(step=3, phase="forward"))
    assert "standard deviation of 8e+04" in finding.message
    with pytest.raises(Skip):
        found(*EXPLODES)
    scaled = [replace(row, prediction_std=60000.0 * 10**row.step) for row in EXPLODES]
    assert found(*scaled, NonFinite(step=3, phase="forward")) == []
