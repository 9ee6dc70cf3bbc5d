"""R31 needs-more-time."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve
from nndoctor.records import OBSERVE, Backward, Experiment, Step
from nndoctor_checks.descent import descent, middle, objectives

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENDED = "the script ended after"
"""How the reason of an experiment begins that the script's own end cut off."""


@check("needs-more-time", reason="R31", severity=Severity.NOTE, needs=[Step, Experiment])
def needs_more_time(
    run: Recording,
    *,
    min_steps: int = 12,  # four in each third
    falls: float = 0.1,  # of its value, from the middle third to the last; less is hard to tell from noise
    keeps: float = 0.5,  # of the fall from the first third to the middle one: it has not begun to level off
) -> Iterator[Finding]:
    """The loss was still falling steadily when the script ended.

    ## What it does
    Looks only at scripts without a DataLoader that end within the steps that nndoctor observes, so that the end of the
    curve is known.
    Reports if the median loss of the last third is clearly below that of the middle third, and the fall has not slowed
    down by more than half.

    ## Why is this bad?
    A curve that still falls says that the model can do better than this run shows. Conclusions about the model or the
    data from such a run are about the patience of the one who stopped it.

    ## Example
    ```python
    for step in range(30):
        train_step(model, *get_batch())
    ```

    Use instead:
    ```python
    for step in range(3000):  # until the validation loss no longer falls
        train_step(model, *get_batch())
    ```

    ## Known problems
    Scripts that run longer than the observed steps are not judged; their own curve tells.

    ## References
    - Ivanov, 37 Reasons why your Neural Network is not working, 2017 (give it time)
    """
    judged = False
    for row in run.rows(Experiment):
        if row.name != OBSERVE or not row.why.startswith(ENDED):
            continue
        course = descent(run, OBSERVE, row.segment)
        if course is None or course.diverged or len(course.losses) < min_steps or objectives(run, row.segment) > 1:
            continue
        judged = True
        first, second, last = _thirds(course.losses)
        fall, before = second - last, first - second
        if second > 0 and fall > falls * second and fall > keeps * before > 0 and _beyond_noise(course.losses, fall):
            place = next((b for b in run.rows(Backward) if b.segment == row.segment and b.experiment == OBSERVE), None)
            yield Finding(
                message=f"The script ended after {len(course.losses)} steps while its loss still fell: {first:.4g}, "
                f"{second:.4g} and {last:.4g} in the three thirds of the run.",
                advice="Train for more epochs, until the validation loss has stopped falling for some of them.",
                where=SourceLine.of(place),
                evidence=(
                    Measure("loss of the last third / of the middle third", last / second, f">= {1 - falls:g}"),
                    curve("loss", course.steps, course.losses),
                ),
            )
    if not judged:
        raise Skip("the script was to train on beyond the steps that were observed")


def _thirds(losses: Sequence[float]) -> tuple[float, float, float]:
    third = len(losses) // 3
    return middle(losses[:third]), middle(losses[third:-third]), middle(losses[-third:])


def _beyond_noise(losses: Sequence[float], fall: float) -> bool:
    steps = [abs(b - a) for a, b in pairwise(losses)]
    return fall > 2 * middle(steps) / math.sqrt(len(losses) // 3)
