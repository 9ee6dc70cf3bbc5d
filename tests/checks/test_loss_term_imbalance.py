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


@pytest.mark.parametrize(
    "records",
    [
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
