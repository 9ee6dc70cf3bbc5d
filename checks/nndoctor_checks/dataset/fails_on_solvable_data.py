"""R16 fails-on-solvable-data."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve
from nndoctor.records import OBSERVE, OVERFIT, STAND_IN, Experiment
from nndoctor_checks.descent import Descent, attempts, calls, descent, objectives, prior_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.records import LossCall


@check(
    "fails-on-solvable-data",
    reason="R16",
    severity=Severity.ERROR,
    needs=[Experiment],
)
def fails_on_solvable_data(
    run: Recording,
    *,
    stuck: float = 0.8,  # of the loss is left; what a linear model can read costs less than a fifth of it at once
    learnt: float = 0.9,  # score on the stand-in; its noise never hides the pattern
    lift: float = 0.1,  # of the way from chance to a perfect score; less is the noise of a few batches
    min_steps: int = 50,  # at a rate that works, the stand-in is learnt within some 30 steps
    fair: int = 30,  # steps of its own data that a comparison needs
) -> Iterator[Finding]:
    """The loop does not learn even data that was made to be easy.

    ## What it does
    Where the script does not learn, its loop is fed a stand-in: the shapes, types, ranges and targets of your batches,
    but inputs that tell the target by a pattern that a linear model can read. Reports if `stuck` of the loss is left
    and the score stays at that of a constant: as an error if one repeated batch could not be fitted either, else as a
    warning. If the stand-in is learnt and, in as many steps, your own data is not, a note says so.

    ## Why is this bad?
    It tells where to look. A loop that fails on easy data has its fault in the model, the loss or the optimizer, and
    cleaning the data is lost time. A loop that learns it works, and what it was fed is in question.

    ## Example
    ```python
    features = torch.sin(1000.0 * positions)  # neighbours have nothing in common
    ```

    Use instead:
    ```python
    features = torch.sin(10.0 * positions)
    ```

    ## Known problems
    It points to a half of the program and names no cause; findings that do come first. Networks that need a long
    warm-up are not judged fairly in a few hundred steps. Data with several inputs or targets has no stand-in.

    ## References
    - [Stanford CS230, Full-cycle deep learning projects](https://cs230.stanford.edu/)
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (use a standard data set, solve a simpler
      version)
    """
    reasons, judged = [], 0
    for row in run.rows(Experiment):
        if row.name != STAND_IN:
            continue
        course = descent(run, STAND_IN, row.segment)
        if why := _cannot_judge(run, row, course, min_steps):
            reasons.append(why)
            continue
        assert course is not None
        judged += 1
        last = [c for c in calls(run, STAND_IN, row.segment) if c.step >= course.steps[-1] * 3 // 4]
        own = descent(run, OBSERVE, row.segment)
        if _stuck(run, course, last, row.segment, stuck, lift):
            yield _fails(run, course, last, row.segment, stuck)
        elif own is not None and _only_the_stand_in(run, own, course, row.segment, (learnt, lift, stuck), fair):
            yield _learns(own, course, last)
    if not judged:
        raise Skip(reasons[0] if reasons else "the script learns from its own data: no stand-in was needed")


def _cannot_judge(run: Recording, row: Experiment, course: Descent | None, min_steps: int) -> str:
    if course is None:
        return row.why or "nothing was trained on the stand-in"
    if objectives(run, row.segment) > 1:
        return "several objectives are minimised in turn"
    if len(course.losses) < min_steps and not course.diverged and row.outcome != "done":
        return f"only {len(course.losses)} steps were made on the stand-in"
    if not calls(run, STAND_IN, row.segment):
        return "no loss function was seen that compares a prediction with a target"
    return ""


def _lifted(called: list[LossCall], lift: float) -> bool | None:
    """Whether the score is above that of a constant; None without a score."""
    scored = [c for c in called if c.metric and math.isfinite(c.score) and math.isfinite(c.chance)]
    if not scored:
        return None
    score, chance = fmean(c.score for c in scored), fmean(c.chance for c in scored)
    return not score <= chance + lift * (1.0 - chance)


def _reference(run: Recording, course: Descent, segment: int) -> float:
    """Return the loss of knowing nothing: that of the start, or of the best constant if that is lower."""
    prior = prior_of(run, course, segment)
    return min(course.start, prior) if math.isfinite(prior) else course.start


def _stuck(
    run: Recording, course: Descent, last: list[LossCall], segment: int, stuck: float, lift: float
) -> bool:  # fmt: skip
    if _lifted(last, lift) is not False:  # without a score the loss alone is no proof: its floor may be high
        return False
    return course.diverged or course.end >= stuck * _reference(run, course, segment) > 0


def _only_the_stand_in(
    run: Recording, own: Descent, course: Descent, segment: int, marks: tuple[float, float, float], fair: int
) -> bool:
    """Whether the stand-in was learnt in as many steps as the script's own data was not."""
    learnt, lift, stuck = marks
    steps = len(own.losses)
    if own.diverged or steps < fair:
        return False
    early = [c for c in calls(run, STAND_IN, segment) if steps * 3 // 4 <= c.step < steps]
    early = early or [c for c in calls(run, STAND_IN, segment) if c.step >= course.steps[-1] * 3 // 4]
    scores = [c.score for c in early if c.metric and math.isfinite(c.score)]
    late = [c for c in calls(run, OBSERVE, segment) if c.step >= steps // 2]
    at_chance = _lifted(late, lift) is False and own.end >= stuck * _reference(run, own, segment) > 0
    return at_chance and bool(scores) and fmean(scores) >= learnt


def _score(called: list[LossCall]) -> str:
    scored = [c for c in called if c.metric and math.isfinite(c.score) and math.isfinite(c.chance)]
    if not scored:
        return ""
    score, chance = fmean(c.score for c in scored), fmean(c.chance for c in scored)
    return f", and the {scored[-1].metric} is {score:.2g} (a constant has {chance:.2g})"


def _fails(run: Recording, course: Descent, last: list[LossCall], segment: int, stuck: float) -> Finding:
    tried = attempts(run, segment)
    fitted = OVERFIT not in tried or any(not c.diverged and c.end < 0.5 * c.start for c in tried.values())
    ended = "NaN or Inf" if course.diverged else f"{course.end:.3g}"
    also = "It can fit a single batch, though." if fitted and tried else ""
    return Finding(
        message=f"On {len(course.losses)} batches of stand-in data, in which the input tells the target by a simple "
        f"pattern, the loss went from {course.start:.3g} to {ended}{_score(last)}. {also}".rstrip(),
        advice="Look in the model, the loss and the optimizer, not in the data: the same loop would have to learn this "
        "from any data set. Take parts of the model away until the stand-in is learnt.",
        where=SourceLine.of(last[-1]) if last else None,
        evidence=(
            Measure("loss at the end", course.lowest if not course.diverged else course.start,
                    f"< {stuck * _reference(run, course, segment):.3g}"),
            curve("loss on the stand-in", course.steps, course.losses),
        ),
        severity=Severity.WARNING if fitted else None,
        certain=not fitted,
    )  # fmt: skip


def _learns(own: Descent, course: Descent, last: list[LossCall]) -> Finding:
    return Finding(
        title="The loop learns easy stand-in data, but not its own.",
        message=f"In {len(own.losses)} steps the loss on your own data went from {own.start:.3g} to {own.end:.3g}. On "
        f"stand-in data of the same form it went from {course.start:.3g} to {course.end:.3g}{_score(last)}.",
        advice="The loop works, so look at the data: does the target belong to the input, and can you tell it from the "
        "input yourself? If so, the task is only harder: give it more steps (`--steps`).",
        where=SourceLine.of(last[-1]) if last else None,
        evidence=(
            curve("loss on your own data", own.steps, own.losses),
            curve("loss on the stand-in", course.steps, course.losses),
        ),
        severity=Severity.NOTE,
        certain=False,
    )
