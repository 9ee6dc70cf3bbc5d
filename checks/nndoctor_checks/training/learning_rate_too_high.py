"""R36 learning-rate-too-high."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve
from nndoctor.effects import CLEAR, Effect, gain, summary
from nndoctor.records import COAST, OBSERVE, OBSERVE_TENTH, OVERFIT, Event, Optimizer, Step, Trial
from nndoctor.treatments.names import described
from nndoctor_checks.depth import explodes_from_the_start
from nndoctor_checks.descent import Descent, attempts, descent, floor_of, middle, objectives, prior_of
from nndoctor_checks.numerics import accidents, has_hole
from nndoctor_checks.rate_range import evidence, swept
from nndoctor_checks.tensors import ADAPTIVE, matrices, update_ratios

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TENTH = f"{OVERFIT}:x0.1"
TENTH_OF_RATE = "learning-rate-x0.1"
SMALLER = {TENTH_OF_RATE: "a tenth", "learning-rate-x0.01": "a hundredth"}
"""Treatments, and what they leave of the rate."""
FAR_LOWER = ("learning-rate-x0.01", "usual-learning-rate", TENTH_OF_RATE)
"""What is tried where the range test diverges at a tenth of the rate, too."""
ABOVE_PRIOR = 1.1
"""A loss this far above that of a constant prediction is worse than having learnt nothing."""
STEADY = 8
"""Steps of descent that chance does not make."""
FEW = 3
"""Steps at the beginning whose typical loss counts as the start of the observed run: its batches differ."""


@check(
    "learning-rate-too-high",
    reason="R36",
    severity=Severity.ERROR,
    needs=[Step],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "diverging",
        "exploding-gradient",
        "fails-on-solvable-data",
        "ignores-input",
        "input-disconnected",
        "loss-flat",
        "no-gradient",
        "non-finite",
        "saturated-activation",
        "update-ratio",
        "vanishing-gradient",
    ],
    treatments=["learning-rate-x0.1", "learning-rate-x0.01", "usual-learning-rate"],
)
def learning_rate_too_high(
    run: Recording,
    *,
    risen: float = 1.5,  # end / start of a run that diverged; others use the same factor of end / minimum
    stuck: float = 0.5,  # of the loss is left: it was not halved on one batch
    falling: float = 0.9,  # a run whose loss fell by a tenth is learning, whatever one small batch does
    overthrown: float = 0.5,  # of its size a weight changes in the very first step; 1e-3 is usual
    beyond: float = 3.0,  # times the rate from which on a range test diverges; two batches' tests differ by less
) -> Iterator[Finding]:
    """The learning rate is so high that the loss jumps about or diverges; a tenth of it is stable.

    ## What it does
    Compares the experiment on one small batch at your learning rate with the same at a tenth of it. Reports if at yours
    the loss ended in NaN or rose by `risen` while at a tenth it fell, or kept more than `stuck` of its start while at a
    tenth it fell below that and to less than half, and on your own batches it did not fall either. If the loss rose by
    `risen` on your own batches, they are run through once more at a tenth of the rate; it is reported if the loss then
    falls to `falling` of its start (a warning, if the loss was coming down again steadily when the observation ended).
    A tenth may still be far too high: a loss that rose by `risen` on your own batches, or overflowed after the first
    steps, is reported, too, if in a range test it falls at lower rates and diverges from one on that yours exceeds
    `beyond` times. Where a trial for another finding has shown that a tenth or a hundredth of the rate helps your own
    batches, on which the loss did not fall, that is a warning. So is a loss that falls, if treating another fault
    (layers that were frozen are trained) makes it worse, and at a tenth of the rate much better.
    Where no smaller rate could be tried, a loss that diverges on your own batches and
    ends above that of a constant prediction is a warning. So is a loss that falls in the end, if the first step
    changed the weights by `overthrown` of their size and the loss then rose to `risen` times the greater of its start
    and that of a constant prediction: the initialisation is lost, and units that died do not come back. With Adam and
    its like, whose step has the size of the rate, such a first step is an error if the loss rose and stayed there, and
    a warning if the script raises an exception right after it.

    What is not blamed on the rate: a NaN from a formula (log or division of 0), and gradients that explode through the
    depth before anything was trained.

    ## Why is this bad?
    A step is right only as far as the loss is nearly a plane. Where it curves, a step longer than two over the
    curvature lands higher up on the other side, and the next one is longer still. Units die, activations saturate, and
    what is left predicts one constant.

    ## Example
    ```python
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
    ```

    Use instead:
    ```python
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    ```

    ## Known problems
    A rate that would be right after a warm-up is reported if the warm-up is missing. Inputs, weights or a loss that
    are far too large need a small rate, too: such findings come first.

    ## References
    - LeCun, Bottou, Orr, Mueller, Efficient BackProp, 1998 (section 4.6, choosing learning rates)
    - Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017 (the learning rate range test)
    """
    reasons = []
    for segment in dict.fromkeys(s.segment for s in run.rows(Step)):
        if why := _cannot_judge(run, segment):
            reasons.append(why)
            continue
        tried, own = attempts(run, segment), descent(run, OBSERVE, segment)
        user, tenth = tried.get(OVERFIT), tried.get(TENTH)
        if own is None:
            continue
        lost = _overthrow(run, segment, own, (overthrown, risen, falling))
        if _left(own, math.nan) <= falling or (lost and _raised(run, segment, own)):
            found = lost or _hidden(run, segment, own)
            yield from [found] if found else []
            continue
        calm = descent(run, OBSERVE_TENTH, segment)
        if calm is not None and _rose(own, risen) and _left(calm, math.nan) < falling:
            yield _finding(run, segment, {OBSERVE: own, OBSERVE_TENTH: calm}, certain=not _recovers(own))
        elif user is not None and tenth is not None and _stuck(run, segment, user, tenth, (risen, stuck, falling)):
            yield _finding(run, segment, {OVERFIT: user, TENTH: tenth, OBSERVE: own})
        elif lost:
            yield lost
        elif found := _outside(run, segment, own, (risen, beyond)) or _relieved(run, segment, own):
            yield found
        elif hidden := _hidden(run, segment, own):
            yield hidden
        elif user is not None and tenth is not None and _left(user, math.nan) > stuck:
            continue  # a smaller rate was tried, and is no better
        elif _rose(own, risen) and not own.end < ABOVE_PRIOR * prior_of(run, own, segment):
            yield _finding(run, segment, {OBSERVE: own}, certain=False)
    if reasons and len(reasons) == len({s.segment for s in run.rows(Step)}):
        raise Skip(reasons[0])


def _cannot_judge(run: Recording, segment: int) -> str:
    if objectives(run, segment) > 1:
        return "several objectives are minimised in turn: their losses need not fall"
    if any(has_hole(row) for row in accidents(run, segment, (OBSERVE, COAST, OVERFIT))):
        return "a formula that is not defined everywhere gave NaN or Inf, at any learning rate"
    if explodes_from_the_start(run, segment):
        return "the gradients explode through the depth from the first step on"
    return ""


def _left(course: Descent, floor: float) -> float:
    """Return which share of the loss was left at the end, counted from its lowest possible value (0 if unknown)."""
    if course.diverged:
        return math.inf
    start = middle(course.losses[:FEW]) if course.experiment == OBSERVE else course.start
    bottom = floor if math.isfinite(floor) else min((0.0, *course.losses))
    return (course.end - bottom) / (start - bottom) if start > bottom else math.nan


def _rose(course: Descent, risen: float) -> bool:
    """Whether the loss grew as long as it was a number; what NaN out of the blue means, `non-finite` says."""
    return _left(replace(course, diverged=False), math.nan) > risen


def _recovers(course: Descent) -> bool:
    """Whether the loss has come down again half the way from its peak, steadily: a hump, such as codebooks make.

    A loss that jumps about does not fall in nine of ten pairs of the steps since its peak.
    """
    if course.diverged or not course.losses:
        return False
    peak = max(range(len(course.losses)), key=course.losses.__getitem__)
    since = course.losses[peak:]
    pairs = list(combinations(since, 2))
    steadily = len(since) >= STEADY and sum(b < a for a, b in pairs) >= 0.9 * len(pairs)
    return steadily and since[-1] <= (since[0] + course.start) / 2


def _stuck(run: Recording, segment: int, user: Descent, tenth: Descent, marks: tuple[float, float, float]) -> bool:
    """Whether one batch is not learnt at the user's rate, and is at a tenth of it."""
    return _left(user, math.nan) > marks[1] and _unstable(user, tenth, floor_of(run, tenth, segment), marks)


def _unstable(user: Descent, tenth: Descent, floor: float, marks: tuple[float, float, float]) -> bool:
    """Whether the batch is learnt at a tenth of the learning rate and not at the user's."""
    risen, stuck, falling = marks
    left, left_at_tenth = _left(user, floor), _left(tenth, floor)
    if not tenth.highest < tenth.start:  # the last quarter must stay below the start throughout
        return False
    if left > risen:
        return left_at_tenth < falling
    return left > stuck and left_at_tenth < stuck and left > 2 * left_at_tenth


def _overthrow(run: Recording, segment: int, own: Descent, marks: tuple[float, float, float]) -> Finding | None:
    """Judge a first step that was as large as the weights: what came of the loss, or of the script."""
    overthrown, risen, falling = marks
    ratio, adaptive = _first_update(run, segment), _adaptive(run, segment)
    if not ratio >= overthrown:
        return None
    if raised := _raised(run, segment, own):
        return _lost_start(run, segment, own, ratio, f"then the script failed: {raised}") if adaptive else None
    if _left(own, math.nan) <= falling:
        story = f"the loss rose from {own.start:.3g} to {_peak(own):.3g} before it fell: the initial weights were lost"
        far = _peak(own) > risen * max(own.start, prior_of(run, own, segment), 0.0)
        return _lost_start(run, segment, own, ratio, story) if far else None
    # The first loss alone is from before the weights were lost.
    if adaptive and (_rose(own, risen) or own.end > risen * max(own.start, prior_of(run, own, segment), 0.0)):
        story = f"the loss {_course(own)}: the initial weights were lost"
        lost = _lost_start(run, segment, own, ratio, story)
        return lost if _recovers(own) else replace(lost, severity=None)
    return None


def _first_update(run: Recording, segment: int) -> float:
    """Return by how much of its size the typical weight of a layer changed in the first step, NaN if not known."""
    ratios = update_ratios(run, segment)
    fresh = [p.name for p in matrices(run, segment) if p.std > 0 and not p.loaded]
    return middle([value for name in fresh for step, value in ratios.get(name, ()) if step == 0])


def _raised(run: Recording, segment: int, own: Descent) -> str:
    """Return the exception that ended the script after its first steps; empty without one."""
    events = (e for e in run.rows(Event) if e.kind == "exception" and e.experiment == OBSERVE and e.segment == segment)
    return next((e.text for e in events), "") if len(own.losses) <= FEW else ""


def _peak(course: Descent) -> float:
    """Return the loss that two of the early steps in a row exceeded: one alone may be an odd batch."""
    early = course.losses[1 : max(3, len(course.losses) // 2)]
    return max((min(pair) for pair in pairwise(early)), default=math.nan)


def _adaptive(run: Recording, segment: int) -> bool:
    """Whether the size of a step is that of the rate: with SGD it may be that of inputs or of a loss too large."""
    optimizer = _optimizer(run, segment)
    return optimizer is not None and any(word in optimizer.type for word in ADAPTIVE)


def _lost_start(run: Recording, segment: int, own: Descent, ratio: float, story: str) -> Finding:
    optimizer, rate = _optimizer(run, segment), _rate(run, segment, own)
    name = optimizer.type if optimizer is not None else "the optimizer"
    return Finding(
        message=f"With {name} and a learning rate of {rate:.3g} the first step changed the weights by {ratio:.2g} of "
        f"their size, and {story}.",
        advice=f"Lower it to `lr={rate / 10:.1g}` or less, until a step changes the weights by about 0.001 of their "
        "size; usual are 1e-3 for Adam and 1e-2 to 1e-1 for SGD.",
        where=SourceLine.of(optimizer),
        evidence=(
            Measure("update / weight in the first step", ratio, "about 0.001"),
            Measure("learning rate", rate, f"<= {rate / 10:.1g}"),
            *evidence(swept(run, segment), rate),
            curve(f"loss, {own.experiment}", own.steps, own.losses),
        ),
        severity=Severity.WARNING,
    )


def _outside(run: Recording, segment: int, own: Descent, marks: tuple[float, float]) -> Finding | None:
    """Judge a rate at which the loss rose by the range test: whether it lies far above those at which it falls."""
    risen, beyond = marks
    found, rate = swept(run, segment), _rate(run, segment, own)
    if found is None or not rate > beyond * found.diverges or not (_rose(own, risen) or _burst(run, segment, own)):
        return None
    return _finding(
        run,
        segment,
        {OBSERVE: own},
        certain=not _recovers(own),
        told=f"in a range test it falls up to a rate of {found.lowest:.2g} and diverges from {found.diverges:.2g} on",
    )


def _burst(run: Recording, segment: int, own: Descent) -> bool:
    """Whether the first steps made numbers overflow that were finite before: too soon for a loss to be seen rising."""
    traced = accidents(run, segment)
    grew = bool(traced) and traced[0].phase in ("forward", "backward") and traced[0].step > 0
    return own.diverged and 0 < len(own.losses) <= FEW and grew


def _relieved(run: Recording, segment: int, own: Descent) -> Finding | None:
    """Return what a trial of a smaller rate has shown, which was made for a symptom."""
    for row in run.rows(Trial):
        factor = SMALLER.get(row.treatment)
        if factor is None or row.segment != segment or row.with_others or row.jointly or row.metric != "loss":
            continue
        shown = summary(row)
        learns = shown.treated < row.start  # to diverge no longer is not enough
        if shown.effect is not Effect.HELPED or shown.control_learns or not learns:
            continue
        told = (
            f"the same batches end at {shown.treated:.3g} with {factor} of it, and at {shown.control:.3g} without "
            f"({row.steps} steps, better in {shown.won} of {shown.of} runs)"
        )
        found = _finding(run, segment, {OBSERVE: own}, certain=False, told=told)
        return replace(found, certain=True, treatments=())  # they were tried
    return None


def _hidden(run: Recording, segment: int, own: Descent) -> Finding | None:
    """Return what a trial has shown of the rate once another fault is treated, that it was tried for."""
    for row in run.rows(Trial):
        if row.segment != segment or row.with_others != (TENTH_OF_RATE,) or math.isnan(row.alone):
            continue
        seen = summary(row)
        better = gain(row, row.alone, seen.treated) >= CLEAR
        if better and seen.effect is Effect.HELPED and seen.treated < row.start:
            told = (
                f"with {described(row.treatment)} it went from {row.start:.3g} to {row.alone:.3g}, and at a tenth of "
                f"the rate to {seen.treated:.3g} ({row.steps} steps)"
            )
            found = _finding(run, segment, {OBSERVE: own}, certain=False, told=told)
            return replace(found, certain=True, treatments=())
    return None


def _rate(run: Recording, segment: int, own: Descent) -> float:
    optimizer = _optimizer(run, segment)
    return optimizer.lr if optimizer is not None and optimizer.lr > 0 else own.lr


def _finding(
    run: Recording, segment: int, courses: Mapping[str, Descent], *, certain: bool = True, told: str = ""
) -> Finding:
    own = courses[OBSERVE]
    optimizer, rate = _optimizer(run, segment), _rate(run, segment, own)
    name = optimizer.type if optimizer is not None else "the optimizer"
    if OBSERVE_TENTH in courses:
        story = f"the loss on your own batches {_course(own)}, and with a tenth of it {_course(courses[OBSERVE_TENTH])}"
    elif OVERFIT in courses:
        user, tenth = courses[OVERFIT], courses[TENTH]
        story = (
            f"on one batch the loss {_course(user)}, and at a tenth of the rate it {_course(tenth)}; "
            f"on your own batches it {_course(own)}"
        )
    else:
        story = f"the loss {_course(own)}; {told or 'whether a smaller rate is stable was not tried'}"
    found = swept(run, segment)
    best = min(rate / 10, found.steepest) if found is not None else rate / 10
    smaller = f"{best:.1g}" if rate > 0 else "a tenth"
    return Finding(
        message=f"With {name} and a learning rate of {rate:.3g} {story}.",
        advice=f"Lower it to `lr={smaller}` or less; a warm-up over the first hundreds of steps and "
        "`torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)` allow larger rates later.",
        where=SourceLine.of(optimizer),
        evidence=(
            *([Measure("learning rate", rate, f"<= {rate / 10:.1g}")] if math.isfinite(rate) else []),
            *evidence(found, rate),
            *(curve(f"loss, {each}", c.steps, c.losses) for each, c in courses.items()),
        ),
        severity=None if certain else Severity.WARNING,
        certain=certain,
        treatments=FAR_LOWER if found is not None and rate / 10 > found.diverges else None,
    )


def _course(course: Descent) -> str:
    if course.diverged:
        return f"became NaN or Inf after {len(course.losses)} steps"
    return f"went from {course.start:.3g} to {course.end:.3g}"


def _optimizer(run: Recording, segment: int) -> Optimizer | None:
    """Return the optimizer of the segment with the largest rate."""
    rows = [o for o in run.rows(Optimizer) if o.segment == segment] or run.rows(Optimizer)
    return max(rows, key=lambda o: (o.lr > 0, o.lr), default=None)
