"""The learning-rate range test, on curves typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Recording, Table
from nndoctor.records import LR_SWEEP, Step
from nndoctor_checks.rate_range import evidence, swept, usable

RATES = [10.0 ** (-6 + i / 8) for i in range(57)]
"""From 1e-6 to 10."""


def loss(rate: float) -> float:
    """Flat up to 1e-4, down to 1e-2, up again from 1e-1."""
    decade = math.log10(rate)
    if decade < -4:
        return 2.3
    return 2.3 - 0.9 * (min(decade, -2) + 4) + 3.0 * max(0.0, decade + 1)


def test_finds_where_the_loss_falls_and_where_it_rises_again() -> None:
    found = usable(RATES, [loss(r) for r in RATES])
    assert found is not None
    assert 1e-4 <= found.begins <= 1e-3
    assert 3e-4 <= found.steepest <= 1e-2
    assert 1e-2 <= found.lowest <= 1.5e-1
    assert 1e-1 <= found.diverges <= 1.0
    assert found.begins <= found.steepest <= found.lowest < found.diverges


def test_a_loss_that_is_no_number_any_more_has_diverged() -> None:
    found = usable(RATES, [loss(r) if r < 0.05 else math.nan for r in RATES])
    assert found is not None
    assert 0.05 <= found.diverges < 0.07
    found = usable(RATES[:40], [loss(r) for r in RATES[:40]])
    assert found is not None
    assert found.diverges == math.inf


@pytest.mark.parametrize(
    ("rates", "losses"),
    [
        pytest.param(RATES, [2.3 + 0.1 * (-1) ** i for i in range(57)], id="flat"),
        pytest.param(RATES, [2.3 + r for r in RATES], id="only rises"),
        pytest.param(RATES, [math.nan] * 57, id="no number at all"),
        pytest.param(RATES[:10], [loss(r) for r in RATES[:10]], id="too few"),
        pytest.param([math.nan] * 57, [loss(r) for r in RATES], id="unknown rates"),
        pytest.param(RATES, [0.0] * 57, id="nothing to lose"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_finds_no_range(rates: list[float], losses: list[float]) -> None:
    assert usable(rates, losses) is None


def test_reads_the_experiment_and_puts_the_own_rate_in_its_place() -> None:
    rows = [Step(experiment=LR_SWEEP, step=i, lr=r, loss=loss(r), optimizer_steps=1) for i, r in enumerate(RATES)]
    found = swept(Recording.of([*rows, Step(lr=3.0, loss=1.0, optimizer_steps=1)]), 0)
    assert found == usable(RATES, [loss(r) for r in RATES])
    [table] = evidence(found, 1e-5)
    assert isinstance(table, Table)
    assert table.rows[0] == ("1e-05", "yours")
    assert evidence(None, 1e-5) == ()
    assert swept(Recording.of([]), 0) is None
