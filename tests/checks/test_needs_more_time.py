"""needs-more-time, on curves typed by hand."""

import math

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import Experiment, Step
from nndoctor_checks.training.needs_more_time import needs_more_time

ENDED = Experiment(name="observe", outcome="cut", why="the script ended after 30 steps", steps=30, wanted=40)


def steps(*losses):
    return [Step(step=i, loss=loss, backwards=1) for i, loss in enumerate(losses)]


def test_finds_a_curve_that_still_falls():
    [finding] = needs_more_time(Recording.of([ENDED, *steps(*(2.3 - 0.05 * i for i in range(30)))]))
    assert "ended after 30 steps" in finding.message


@pytest.mark.parametrize(
    "losses",
    [
        pytest.param([2.3 * 0.8**i + 0.2 for i in range(30)], id="levels off"),
        pytest.param([2.3 + (-1) ** i * 0.5 for i in range(30)], id="noise"),
        pytest.param([0.5 + 0.01 * i for i in range(30)], id="rises"),
    ],
)
def test_is_silent(losses):
    assert needs_more_time(Recording.of([ENDED, *steps(*losses)])) == []


@pytest.mark.parametrize("experiment", [Experiment(name="observe", steps=40, wanted=40), ENDED])
def test_does_not_judge_a_curve_whose_end_it_did_not_see(experiment):
    losses = [math.nan] * 30 if experiment is ENDED else [2.3 - 0.05 * i for i in range(30)]
    with pytest.raises(Skip):
        needs_more_time(Recording.of([experiment, *steps(*losses)]))
