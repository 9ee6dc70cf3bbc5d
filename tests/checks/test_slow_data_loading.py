"""slow-data-loading, on times typed by hand."""

import math

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import Loader, Step
from nndoctor_checks.speed.slow_data_loading import slow_data_loading

LOADER = Loader(name="train", workers=0, file="t.py", line=3)


def steps(wait, compute, count=30, loader="train"):
    return [Step(step=i, data_seconds=wait, compute_seconds=compute, loader=loader) for i in range(count)]


def test_finds_a_loop_that_waits():
    [finding] = slow_data_loading(Recording.of([LOADER, *steps(0.08, 0.02)]))
    assert finding.severity is Severity.WARNING
    assert "num_workers" in finding.advice
    assert finding.where.line == 3


def test_is_milder_for_short_waits():
    [finding] = slow_data_loading(Recording.of([LOADER, *steps(0.004, 0.002)]))
    assert finding.severity is None


@pytest.mark.parametrize("times", [(0.01, 0.02), (0.0012, 0.0005), (0.0, 0.01)])
def test_is_silent(times):
    assert slow_data_loading(Recording.of([LOADER, *steps(*times)])) == []


@pytest.mark.parametrize("rows", [steps(0.08, 0.02, 5), steps(0.08, 0.02, loader=""), steps(math.nan, 0.02)])
def test_does_not_judge(rows):
    with pytest.raises(Skip):
        slow_data_loading(Recording.of(rows))
