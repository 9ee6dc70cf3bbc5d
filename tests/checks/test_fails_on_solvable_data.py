"""fails-on-solvable-data, on recordings typed by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import OBSERVE, OVERFIT, STAND_IN, Experiment, LossCall, Record, Step
from nndoctor_checks.dataset.fails_on_solvable_data import fails_on_solvable_data

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAT = [2.3] * 60
FALLING = [2.3 * 0.9**i for i in range(60)]


def experiment(name: str, losses: list[float], score: float, *, chance: float = 0.1) -> Iterator[Record]:
    yield Experiment(name=name, experiment=name, outcome="done", steps=len(losses))
    for step, loss in enumerate(losses):
        yield Step(experiment=name, step=step, loss=loss, backwards=1, lr=0.1)
        yield LossCall(
            experiment=name, step=step, value=loss, metric="accuracy", score=score, chance=chance, prior_loss=2.3,
            function="cross_entropy", file="train.py", line=7,
        )  # fmt: skip


def recording(*parts: Iterator[Record]) -> Recording:
    return Recording.of(row for part in parts for row in part)


def test_an_error_where_one_batch_could_not_be_fitted_either() -> None:
    run = recording(experiment(OVERFIT, FLAT, 0.1), experiment(STAND_IN, FLAT, 0.1))
    [finding] = fails_on_solvable_data(run)
    assert finding.severity is None
    assert "from 2.3 to 2.3" in finding.message
    assert finding.where is not None


def test_a_warning_where_one_batch_can_be_learnt_by_heart() -> None:
    [finding] = fails_on_solvable_data(recording(experiment(OVERFIT, FALLING, 1.0), experiment(STAND_IN, FLAT, 0.1)))
    assert finding.severity is Severity.WARNING
    assert "can fit a single batch" in finding.message


def test_a_note_where_only_the_stand_in_is_learnt() -> None:
    run = recording(experiment(OBSERVE, FLAT[:40], 0.1), experiment(STAND_IN, FALLING, 1.0))
    [finding] = fails_on_solvable_data(run)
    assert finding.severity is Severity.NOTE
    assert "not its own" in finding.title


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([experiment(STAND_IN, FALLING, 1.0), experiment(OBSERVE, FALLING, 0.6)], id="both learnt"),
        pytest.param([experiment(STAND_IN, FLAT, 0.6)], id="the score is above chance"),
        pytest.param([experiment(STAND_IN, FALLING, 0.1)], id="the loss falls"),
        pytest.param([experiment(STAND_IN, [2.3] * 59 + [2.0], math.nan)], id="no score"),
        pytest.param([experiment(STAND_IN, FALLING, 1.0), experiment(OBSERVE, FLAT[:10], 0.1)], id="too few steps"),
        pytest.param([experiment(STAND_IN, [2.3, 2.0, *FALLING[1:]], 0.5), experiment(OBSERVE, FLAT, 0.1)],
                     id="neither is learnt, neither is stuck"),
    ],
)  # fmt: skip
def test_is_silent(parts: list[Iterator[Record]]) -> None:
    assert fails_on_solvable_data(recording(*parts)) == []


def test_says_why_it_could_not_look() -> None:
    why = "the model takes several inputs"
    with pytest.raises(Skip, match=why):
        fails_on_solvable_data(Recording.of([Experiment(name=STAND_IN, outcome="skipped", why=why)]))
    with pytest.raises(Skip, match="no stand-in was needed"):
        fails_on_solvable_data(recording(experiment(OVERFIT, FALLING, 1.0)))
