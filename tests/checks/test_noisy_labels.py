"""noisy-labels, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Learner
from nndoctor_checks.dataset.noisy_labels import noisy_labels

ROW = Learner(samples=800, classes=10, score=0.78, chance=0.1, balanced=0.78, sure=260, sure_wrong=52)


def found(row: Learner) -> list[Finding]:
    return noisy_labels(Recording.of([row]))


@pytest.mark.parametrize("p", [math.nan, 0.3])
def test_one_in_five(p: float) -> None:
    [finding] = found(replace(ROW, pattern_p=p))
    assert "About 20% of the training labels" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, sure_wrong=3), id="clean"),
        pytest.param(replace(ROW, sure_wrong=30), id="perhaps a tenth"),
        pytest.param(replace(ROW, score=0.5, balanced=0.5), id="hard: the easy ones are much better"),
        pytest.param(replace(ROW, pattern_p=0.016), id="what the learners cannot see"),
    ],
)
def test_is_silent(row: Learner) -> None:
    assert found(row) == []


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, balanced=0.3), id="no judge of labels"),
        pytest.param(replace(ROW, balanced=math.nan), id="unknown"),
        pytest.param(replace(ROW, classes=0), id="numbers"),
        pytest.param(replace(ROW, sure=20, sure_wrong=9), id="too few"),
    ],
)
def test_skips(row: Learner) -> None:
    with pytest.raises(Skip):
        found(row)
