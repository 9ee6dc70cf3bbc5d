"""loss-term-imbalance, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import LossCall, LossTerm, Record
from nndoctor_checks.implementation.loss_term_imbalance import loss_term_imbalance


def found(*records: Record) -> list[Finding]:
    return loss_term_imbalance(Recording.of(records))


def terms(*norms: tuple[float, float], factors: tuple[float, float] = (1.0, 1.0)) -> list[Record]:
    rows: list[Record] = []
    for step, pair in enumerate(norms):
        for index, (name, norm) in enumerate(zip(("mse_loss", "cross_entropy"), pair, strict=True)):
            rows.append(LossTerm(step=step, index=index, loss=name, norm=norm, factor=factors[index], shared=2, line=9))
    return rows


def test_reports_both_terms_and_the_factor() -> None:
    [finding] = found(*terms((900.0, 0.5), (800.0, 0.5), (700.0, 0.5)))
    assert "gradient of mse_loss is 1.6e+03 times that of cross_entropy" in finding.message


def test_a_factor_that_makes_it_worse_is_no_excuse() -> None:
    assert found(*terms(*[(900.0, 0.5)] * 3, factors=(0.5, 1.0)))


def penalised(*norms: tuple[float, float], largest: float = 1000.0, factor: float = 15.0) -> list[Record]:
    rows: list[Record] = []
    for step, (data, penalty) in enumerate(norms):
        rows.append(LossTerm(step=step, index=0, loss="binary_cross_entropy", norm=data, factor=1 / 32, shared=3))
        rows.append(LossTerm(step=step, index=1, norm=penalty, factor=factor, largest=largest, shared=3))
    return rows


BEGINNING = ((0.6, 580.0), (0.7, 400.0), (0.5, 160.0), (1.2, 290.0), (1.7, 109.0), (1.8, 54.0))
"""Of a divergence that is a thousand times too heavy: satisfied bit by bit."""


def test_a_penalty_that_drowns_the_loss() -> None:
    [finding] = found(*penalised(*BEGINNING))
    assert "multiplied with 1e+03" in finding.message
    assert not finding.certain


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(penalised(*[(d, p / 10) for d, p in BEGINNING], largest=100.0), id="heavy, and yet heard less"),
        pytest.param(penalised(*BEGINNING, largest=20.0), id="large by itself"),
        pytest.param(penalised(*BEGINNING, factor=0.05), id="a large number of small values: an average"),
        pytest.param(penalised(*BEGINNING[:2]), id="too few steps with a penalty"),
        pytest.param(terms(*[(20.0, 0.5)] * 5), id="within the range of tasks"),
        pytest.param(terms(*[(900.0, 0.5)] * 2), id="too few steps"),
        pytest.param(terms(*[(900.0, 0.5)] * 3, (20.0, 0.5)), id="it ends"),
        pytest.param(terms((900.0, 0.5), (0.5, 900.0), (900.0, 0.5)), id="now one, now the other"),
        pytest.param(terms(*[(900.0, 0.5)] * 3, factors=(1.0, 0.01)), id="a side task"),
        pytest.param(terms(*[(900.0, 0.5)] * 3, factors=(100.0, 1.0)), id="weighted up on purpose"),
        pytest.param(terms(*[(900.0, 0.5)] * 3, factors=(1.0, math.nan)), id="unknown weight"),
        pytest.param(terms(*[(900.0, 0.0)] * 3), id="one is switched off"),
        pytest.param(terms(*[(math.nan, 0.5)] * 3), id="NaN"),
        pytest.param(
            [*terms(*[(900.0, 0.5)] * 3), LossCall(function="cross_entropy", score=1.0)], id="the weak one is solved"
        ),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
