"""The course of a training on a few lines."""

from __future__ import annotations

import math

from nndoctor import Recording
from nndoctor.records import LossCall, Record, Step
from nndoctor.reports.course import lines


def told(*records: Record) -> list[str]:
    return [line.plain for line in lines(Recording.of(records))]


def test_loss_and_metric() -> None:
    steps = [Step(step=i, loss=loss) for i, loss in enumerate((2.0, math.nan, 1.0))]
    calls = [LossCall(step=i, metric="accuracy", score=0.25 * i) for i in range(3)]
    assert told(*steps, *calls, Step(experiment="overfit", loss=9.0)) == [
        "  loss 2 \u2588\u2581 1   accuracy 0 \u2581\u2585\u2588 0.5   3 steps"
    ]


def test_phases_are_counted_and_bounded() -> None:
    said = told(*(Step(segment=segment, loss=1.0) for segment in range(5)))
    assert [line.split(":")[0] for line in said] == ["  phase 1", "  phase 2", "  phase 3", "  ... 2 more phases"]


def test_nothing_is_said_without_a_loss() -> None:
    assert told(Step(), Step(step=1, loss=math.inf)) == []
