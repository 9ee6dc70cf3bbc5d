"""targets-unpredictable, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import VALIDATION, Learner, LossCall, Record, Step
from nndoctor_checks.dataset.targets_unpredictable import targets_unpredictable

ROW = Learner(samples=600, features=30, classes=2, score=0.52, chance=0.55, p_value=0.4, permutations=99)


def found(*records: Record) -> list[Finding]:
    return targets_unpredictable(Recording.of(records))


def scored(score: float, *, split: str = "train", metric: str = "accuracy") -> list[Record]:
    steps: list[Record] = [Step(step=i) for i in range(20)]
    return steps + [LossCall(step=i, split=split, metric=metric, score=score, target_shape=(32,)) for i in range(20)]


def test_neither_learner_nor_network() -> None:
    [finding] = found(ROW, *scored(0.5))
    assert "accuracy 0.520, by chance 0.550; p = 0.40" in finding.message


def test_one_of_two_learners_is_below_the_level_by_chance_more_often() -> None:
    assert found(replace(ROW, p_value=0.04), *scored(0.5))


def test_a_number_and_a_validation_set() -> None:
    row = replace(ROW, classes=0, score=-0.1, chance=0.0)
    assert found(row, *scored(0.9, metric="r2"), *scored(-0.2, split=VALIDATION, metric="r2"))


@pytest.mark.parametrize(
    ("row", "score"),
    [
        pytest.param(replace(ROW, p_value=0.01), 0.5, id="a learner sees something"),
        pytest.param(replace(ROW, p_value=0.05, permutations=19), 0.5, id="as small as that test can say"),
        pytest.param(ROW, 0.9, id="the network does"),
        pytest.param(replace(ROW, p_value=math.nan), 0.5, id="no test"),
    ],
)
def test_is_silent(row: Learner, score: float) -> None:
    assert found(row, *scored(score)) == []


@pytest.mark.parametrize("row", [ROW, replace(ROW, samples=100)])
def test_skips_without_scores_or_samples(row: Learner) -> None:
    with pytest.raises(Skip):
        found(row)
