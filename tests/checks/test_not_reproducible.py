"""not-reproducible."""

from __future__ import annotations

import math

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import EvalGap
from nndoctor_checks.speed.not_reproducible import not_reproducible


def judged(**fields: float | bool) -> list[str]:
    rows = [EvalGap(module="Net", **fields)]
    return [finding.message for finding in not_reproducible(Recording.of(rows))]


def test_passes_that_differ_are_noted() -> None:
    assert len(judged(again=1e-3, seeded=True)) == 1


def test_passes_that_agree_are_fine() -> None:
    assert judged(again=0.0, seeded=True) == []


@pytest.mark.parametrize("fields", [{"again": 1e-3, "seeded": False}, {"again": math.nan, "seeded": True}])
def test_without_a_seed_or_a_second_pass_nothing_is_said(fields: dict[str, float | bool]) -> None:
    with pytest.raises(Skip):
        judged(**fields)
