"""insufficient-capacity, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import OVERFIT, Chained, Experiment, LossCall, Parameter, Record, Step
from nndoctor_checks.implementation.insufficient_capacity import insufficient_capacity

RATES = (OVERFIT, f"{OVERFIT}:x0.1", f"{OVERFIT}:x10")
LAYER = Parameter(requires_grad=True, gradient_steps=40, steps=40, changed=True)


def layers(*widths: int, **changes: object) -> list[Record]:
    rows = [
        replace(LAYER, name=f"{i}.weight", module=f"{i}", order=i, fan_in=a, fan_out=b)
        for i, (a, b) in enumerate(pairwise(widths))
    ]
    rows[0] = replace(rows[0], **changes)
    return list(rows)


def overfit(score: float = 0.4, *, end: float = 1.5, rates: tuple[str, ...] = RATES) -> list[Record]:
    rows: list[Record] = []
    for name in rates:
        rows.append(Experiment(experiment=name, name=name, steps=60))
        for i in range(60):
            rows.append(Step(experiment=name, step=i, loss=2.5 if i < 10 else end, backwards=1))
            rows.append(
                LossCall(experiment=name, step=i, metric="accuracy", score=score, chance=0.2, distinct_targets=8)
            )
    return rows


def found(*records: Record) -> list[Finding]:
    return insufficient_capacity(Recording.of(records))


def test_names_the_narrowest_layer() -> None:
    [finding] = found(*overfit(), *layers(64, 64, 1, 10))
    assert finding.names == ("1",)
    assert "passes 1 of 64 numbers on, for 8 classes" in finding.message
    assert not finding.certain


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*overfit(1.0), *layers(64, 64, 1, 10)], id="fitted all the same"),
        pytest.param([*overfit(), *layers(64, 64, 8, 10)], id="wide enough"),
        pytest.param([*overfit(), *layers(64, 1)], id="one output is no bottleneck"),
        pytest.param([*overfit(end=2.4), *layers(64, 64, 1, 10)], id="nothing is learnt: another fault"),
        pytest.param([*overfit(), *layers(64, 64, 1, 10, changed=False)], id="a layer stands still"),
        pytest.param([*overfit(), *layers(64, 64, 1, 10, gradient_steps=0)], id="no gradient"),
        pytest.param([*overfit(), *layers(64, 64, 1, 10, requires_grad=False)], id="frozen"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(overfit(rates=(OVERFIT,)), id="one rate only"),
        pytest.param(overfit(math.nan), id="no score"),
        pytest.param(overfit(end=math.nan), id="NaN"),
    ],
)
def test_does_not_judge(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records, *layers(64, 64, 1, 10))


def linear(*widths: int, **changes: object) -> list[Record]:
    rows = [replace(r, module_type="Linear", root="Net") for r in layers(*widths) if isinstance(r, Parameter)]
    return [Experiment(name=OVERFIT), *(replace(r, **changes) for r in rows)]


def test_a_hidden_layer_of_one_unit_is_a_warning_whatever_was_fitted() -> None:
    [finding] = found(*linear(30, 1, 1))
    assert finding.names == ("0",)
    assert "one hidden unit" in finding.message
    assert not finding.certain
    state = replace(LAYER, name="gru.weight_hh_l0", module="gru", module_type="GRU", order=0, fan_in=1, fan_out=3)
    [finding] = found(Experiment(name=OVERFIT), state)
    assert finding.names == ("gru",)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(linear(30, 32, 1), id="one output"),
        pytest.param(linear(1, 1, 1), id="one input"),
        pytest.param([*linear(30, 1, 1), Chained(first="0", second="1", links=9)], id="a scale for the output"),
        pytest.param([*linear(30, 1, 30), LossCall(target_is_input=True)], id="the code of an autoencoder"),
        pytest.param(linear(30, 1, 1, loaded=True), id="loaded"),
    ],
)
def test_one_unit_that_is_meant(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
