"""loss-broadcast, on recordings typed by hand."""

from __future__ import annotations

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import LossCall
from nndoctor_checks.implementation.loss_broadcast import loss_broadcast

Shape = tuple[int, ...]


def found(one: Shape, other: Shape, function: str = "mse_loss", *, hand: bool = False) -> list[Finding]:
    call = LossCall(function=function, written_by_hand=hand, input_shape=one, target_shape=other, file="a.py", line=3)
    return loss_broadcast(Recording.of([call] * 4))


@pytest.mark.parametrize(("function", "hand"), [("mse_loss", False), ("smooth_l1_loss", False), ("sub", True)])
def test_a_column_against_a_row(*, function: str, hand: bool) -> None:
    for one, other in [((32, 1), (32,)), ((32,), (32, 1))]:
        [finding] = found(one, other, function, hand=hand)
        assert "1024 pairs" in finding.message
        assert finding.severity is None
        assert str(finding.where) == "a.py:3"


def test_one_side_only_is_a_warning() -> None:
    [finding] = found((32, 3), (32, 1))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("one", "other", "function", "hand"),
    [
        pytest.param((32, 1), (32, 1), "mse_loss", False, id="equal"),
        pytest.param((1, 1), (1,), "mse_loss", False, id="a last batch of one"),
        pytest.param((32, 1), (), "mse_loss", False, id="LSGAN: one number as target"),
        pytest.param((32, 10, 3), (10, 3), "mse_loss", False, id="one target for the whole batch"),
        pytest.param((32, 10), (32,), "cross_entropy", False, id="not element-wise"),
        pytest.param((32, 1, 8), (1, 32, 8), "sub", True, id="all pairs"),
        pytest.param((32, 1, 8), (5, 8), "sub", True, id="distances to centres"),
        pytest.param((32, 1), (1, 32), "sub", True, id="pairs of numbers"),
        pytest.param((32, 3), (32, 1), "sub", True, id="an ensemble against one target"),
        pytest.param((32, 1), (32,), "mul", True, id="weights"),
        pytest.param((32, 5), (32, 4), "mse_loss", False, id="shapes that do not fit"),
    ],
)
def test_is_silent(*, one: Shape, other: Shape, function: str, hand: bool) -> None:
    assert found(one, other, function, hand=hand) == []


def test_quantile_regression_compares_all_pairs_on_purpose() -> None:
    call = LossCall(function="huber_loss", input_shape=(32, 8, 1), target_shape=(32, 1, 8), reduction="none")
    assert loss_broadcast(Recording.of([call])) == []
