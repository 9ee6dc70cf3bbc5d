"""R27 cannot-overfit-batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve
from nndoctor.records import OVERFIT, Experiment, Step
from nndoctor_checks.descent import (
    Descent,
    attempts,
    calls,
    floor_of,
    middle,
    objectives,
    prior_of,
    same_target,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

RISING = 0.1
"""A score that gained this much from the third to the last quarter is on its way, and so is a loss of which this share
of what was left went away. About three standard errors of the mean accuracy of 16 noisy samples over 40 steps."""
WARM_UP = 2.0
"""A learning rate that more than doubles within the experiment is still being warmed up."""


class Fit(Enum):
    """What became of the batch at one learning rate."""

    FITTED = "fitted"
    FAILED = "failed"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Marks:
    """The options of the check."""

    fitted: float
    failed: float
    score: float
    min_steps: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """The loss of knowing nothing and the lowest one; NaN where unknown. `chance` scores without looking."""

    reference: float
    floor: float
    chance: float
    floor_known: bool


@check(
    "cannot-overfit-batch",
    reason="R27",
    severity=Severity.ERROR,
    needs=[Experiment],
    explains=["fails-on-solvable-data"],  # the two general symptoms: this one was measured at three rates
)
def cannot_overfit_batch(
    run: Recording,
    *,
    fitted: float = 0.1,  # share of the loss that may be left: "10 % of the start", the usual pass mark of this test
    failed: float = 0.5,  # "not halved" flagged 16 of 27 faulty programs and none of the healthy ones
    score: float = 0.95,  # of 16 samples, all right; of a large batch of tokens, nearly all
    min_steps: int = 50,  # at a rate that works, networks halve the loss of 16 samples within some 20 steps
) -> Iterator[Finding]:
    """The training loop cannot learn even one small batch by heart.

    ## What it does
    Judges the experiment in which your own loop gets the same few samples in every step, first at your learning rate,
    then at a tenth and at ten times of it. Reports if at none of them the accuracy (or R2) reached `score` and more
    than `failed` of the loss was left, counted from its lowest possible value up to the loss of a constant prediction.
    It passes as soon as one rate fits the batch; if the loss moves at another rate without getting there, the finding
    is a warning. With several objectives (a GAN), a target that is drawn anew in each
    step (diffusion, masking) or an unknown lowest loss (a VAE), it does not judge.

    ## Why is this bad?
    Memorising a handful of samples takes no generalisation, no clean data and hardly any capacity. A loop that cannot
    do it has a defect between input, model, loss and optimizer, and more data or more epochs will not help.

    ## Example
    ```python
    x = x + 50.0 * torch.randn_like(x)
    logits = model(x)
    ```

    Use instead:
    ```python
    x = x + 0.05 * torch.randn_like(x)
    logits = model(x)
    ```

    ## Known problems
    It is a general symptom and names no cause: read what else was found first. Very strong regularisation, frozen
    random layers and rates that need a long warm-up can fail it, too.

    ## References
    - [Karpathy, A Recipe for Training Neural Networks, 2019](https://karpathy.github.io/2019/04/25/recipe/)
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 27)
    """
    marks = Marks(fitted, failed, score, min_steps)
    reasons, judged = [], 0
    for segment in dict.fromkeys(e.segment for e in run.rows(Experiment)):
        tried = attempts(run, segment)
        bounds = _bounds(run, tried[OVERFIT], segment) if OVERFIT in tried else None
        if why := _cannot_judge(run, segment, tried):
            reasons.append(why)
            continue
        assert bounds is not None
        fits = {n: _judge(c, bounds, marks) for n, c in tried.items()}
        if Fit.FITTED in fits.values():
            judged += 1
        elif fits[OVERFIT] is Fit.FAILED:
            judged += 1
            yield _finding(run, segment, tried, bounds, all_failed=set(fits.values()) == {Fit.FAILED})
        else:
            reasons.append(_unclear(tried[OVERFIT]))
    if not judged and reasons:
        raise Skip(reasons[0])


def _cannot_judge(run: Recording, segment: int, tried: dict[str, Descent]) -> str:
    """Return why a phase cannot be judged, empty if it can."""
    if OVERFIT not in tried:
        rows = [e for e in run.rows(Experiment) if e.segment == segment and e.name == OVERFIT]
        return rows[-1].why or f"the experiment overfit was {rows[-1].outcome}" if rows else "overfit was not tried"
    if objectives(run, segment) > 1:
        return "several objectives are minimised in turn: none of them need fall on one batch"
    if not calls(run, OVERFIT, segment):
        return "no loss function was seen that compares a prediction with a target"
    if not same_target(run, tried[OVERFIT], segment):
        return "the target is drawn anew in each step, so that even one batch cannot be learnt by heart"
    return ""


def _unclear(course: Descent) -> str:
    return f"the loss on one batch went from {course.start:.3g} to {course.end:.3g}: neither fitted nor stuck"


def _bounds(run: Recording, course: Descent, segment: int) -> Bounds:
    floor, prior = floor_of(run, course, segment), prior_of(run, course, segment)
    known = [v for v in (course.start, prior) if math.isfinite(v)]
    chances = [c.chance for c in calls(run, course.experiment, segment) if math.isfinite(c.chance)]
    return Bounds(min(known, default=math.nan), floor, middle(chances), math.isfinite(floor))


def _judge(course: Descent, bounds: Bounds, marks: Marks) -> Fit:
    best = max(course.scores[-5:], default=math.nan)
    needed = max(marks.score, (1 + bounds.chance) / 2) if math.isfinite(bounds.chance) else marks.score
    span = bounds.reference - bounds.floor
    if best >= needed or course.lowest - bounds.floor <= max(marks.fitted * span, 1e-3 * abs(bounds.reference)):
        return Fit.FITTED
    if course.diverged:
        return Fit.FAILED
    if len(course.losses) < marks.min_steps or _rising(course):
        return Fit.UNCLEAR
    if not bounds.floor_known:  # then only the score can tell, and a loss that hardly moved
        poor = max(course.scores, default=math.nan) < bounds.chance + marks.failed * (1 - bounds.chance)
        still = course.end > course.start - marks.fitted * abs(course.start)
        return Fit.FAILED if poor and still else Fit.UNCLEAR
    falling = course.before - course.end > RISING * (course.before - bounds.floor)
    return Fit.FAILED if course.end - bounds.floor > marks.failed * span and not falling else Fit.UNCLEAR


def _rising(course: Descent) -> bool:
    quarter = max(1, len(course.scores) // 4)
    late, before = course.scores[-quarter:], course.scores[-2 * quarter : -quarter]
    return bool(before) and sum(late) / len(late) - sum(before) / len(before) > RISING


def _finding(run: Recording, segment: int, tried: dict[str, Descent], bounds: Bounds, *, all_failed: bool) -> Finding:
    course = tried[OVERFIT]
    called = calls(run, OVERFIT, segment)
    row = next(e for e in run.rows(Experiment) if e.name == OVERFIT and e.segment == segment)
    metric = next((c.metric for c in called if c.metric), "")
    best = max(course.scores[-5:], default=math.nan)
    scored = f", {metric} {best:.2g}" if metric and math.isfinite(best) else ""
    others = [name.partition(":")[2] for name in tried if name != OVERFIT]
    also = f" It was not fitted at {' and '.join(others)} of the learning rate, either." if others else ""
    unsure = not (others and all_failed and bounds.floor_known) or _warming(run, segment)
    unsure = unsure or any(c.target_is_input for c in called)
    size = f"The same {row.batch_size} samples" if row.batch_size > 0 else "The same batch"
    ended = "NaN or Inf" if course.diverged else f"{course.end:.3g}"
    left = course.end if math.isfinite(course.end) and not course.diverged else course.start
    return Finding(
        message=f"{size} were fed {len(course.losses)} times, and the loss went from {course.start:.3g} to {ended}"
        f"{scored}.{also}",
        advice="Look for the cause among the other findings first. If there is none, take parts away (dropout, noise, "
        "augmentation, extra loss terms) until one batch can be fitted: `for _ in range(200): step(x[:8], y[:8])`.",
        where=SourceLine.of(called[-1]),
        evidence=(
            Measure("loss at the end", left, _expected(bounds)),
            *(curve(f"loss, {name}", c.steps, c.losses) for name, c in tried.items()),
        ),
        severity=Severity.WARNING if unsure else None,
        certain=not unsure,
    )


def _expected(bounds: Bounds) -> str:
    if not bounds.floor_known:
        return "far below the start"
    return f"<= {bounds.floor + 0.1 * (bounds.reference - bounds.floor):.3g}"


def _warming(run: Recording, segment: int) -> bool:
    rates = [s.lr for s in run.rows(Step) if s.experiment == OVERFIT and s.segment == segment and s.lr > 0]
    return len(rates) > 1 and rates[-1] > WARM_UP * rates[0]
