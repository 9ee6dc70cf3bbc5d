"""R36 learning-rate-too-low."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve
from nndoctor.records import OBSERVE, OVERFIT, Backward, Optimizer, Step
from nndoctor_checks.descent import Descent, attempts, descent, factor_of, middle, objectives
from nndoctor_checks.rate_range import RateRange, evidence, swept
from nndoctor_checks.tensors import ADAPTIVE, gradient_sizes, matrices, update_ratios

if TYPE_CHECKING:
    from collections.abc import Iterator

TENFOLD = f"{OVERFIT}:x10"
TINY = 1e-4
"""A hundredth of the usual rate of SGD."""
TINY_ADAPTIVE = 1e-5
"""A hundredth of the usual rate of Adam."""
WARM_UP = 2.0
"""A learning rate that more than doubles over the observed steps is still being warmed up."""
SYMPTOMS = ("cannot-overfit-batch", "collapsed-predictions", "fails-on-solvable-data", "update-ratio")
WHOLE_WAY = 1e-3
"""All steps together, in the size of the weights: a network of which all weights moved by less is the same network."""
TOP = 0.9
"""Of the highest rate that was seen: the rate of an experiment that stands for the end of a warm-up."""
BEYOND_TENFOLD = 30.0
"""Times the rate: where the loss falls steepest so far above it, ten times the rate is not tried first."""
FAR_HIGHER = ("usual-learning-rate", "learning-rate-x100", "learning-rate-x10")
MANY = 100
"""Steps on one batch of 16 samples in which any network that learns at all gets well below its start."""


@check(
    "learning-rate-too-low",
    reason="R36",
    severity=Severity.WARNING,
    needs=[Step],
    explains=SYMPTOMS,
    treatments=["learning-rate-x10", "usual-learning-rate", "learning-rate-x100"],
)
def learning_rate_too_low(
    run: Recording,
    *,
    moved: float = 0.02,  # of the loss; less is lost in the noise of the batches
    steeper: float = 5.0,  # at ten times the rate; 10 where the descent is a plane
    slowest: float = 1e-6,  # update / weight; a thousandth of the usual 1e-3
    far: float = 100.0,  # times the rate: there the range test falls steepest; 10 is where a good rate lies below it
    slow: float = 0.1,  # of the loss fell in all observed steps: it moves, but at this pace for a very long time
) -> Iterator[Finding]:
    """The learning rate is so low that the loss hardly moves.

    ## What it does
    Reports if the loss fell by less than `moved` on your own batches and on one batch that was repeated, and fell at
    least `steeper` times as much at ten times the rate. Rates that are too low by many orders of magnitude show no
    descent at ten times either: then the evidence is that all weights change by less than `slowest` of their size per
    step, at a rate below 1e-4 (1e-5 for Adam and its like), or that one repeated batch does not move either and in the
    range test (the rate is raised step by step) the loss falls steepest at `far` times the rate. A constant that the
    loss is multiplied with counts as part of the rate, but with Adam and its like, which divide it out again. A rate
    that is being warmed up is exempt; of the rate that the warm-up leads to, one repeated batch tells. It is reported
    if the loss of that stays where it is, at a rate below 1e-4 (1e-5 for Adam) at which all weights move by less than a
    thousandth of their size on the whole way; or if it fell by less than `slow` in as many steps as were watched and by
    twice that at ten times the rate, and the range test says both that the loss does not begin to fall below ten times
    the rate and that it falls steepest at `far` times the rate.

    A loss that falls, but by less than `slow` of itself, is reported if one repeated batch is not fitted and at ten
    times the rate falls `steeper` times as much in the same number of steps (the descent is still a plane there, and no
    step is too long), and one of two more is so: in the range test it falls steepest at `far` times the rate, or the
    repeated batch, too, fell by less than `slow` in 100 steps and more. Where that batch was fitted after all, but took
    200 steps and more, it is reported if the range test says both that the loss falls steepest at `far` times the rate,
    and that it does not begin to fall below ten times the rate.

    ## Why is this bad?
    The direction is right, but the steps are too short: with a rate a hundred times too low, a training of one hour
    takes four days. It looks like a model that cannot learn.

    ## Example
    ```python
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-7)
    ```

    Use instead:
    ```python
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    ```

    ## Known problems
    Fine-tuning of a model that is already good hardly moves the loss, either. Then the warning may be ignored.

    ## References
    - Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017 (the learning rate range test)
    - [Stanford CS231n, Neural Networks Part 3](https://cs231n.github.io/neural-networks-3/)
    """
    judged = False
    for segment, own in _steady(run):
        tried = attempts(run, segment)
        user, tenfold, found = tried.get(OVERFIT), tried.get(TENFOLD), swept(run, segment)
        if _warming(run, segment):
            if user:
                judged = True
                yield from _after_warm_up(run, segment, (own, user, tenfold), found, (moved, slow, far))
            continue
        judged = True
        still = _still(own, moved)
        factor = factor_of(run, own, segment)
        shrunk = factor if 0 < factor < 1 else 1.0
        ratio = _typical_ratio(run, segment, shrunk) if still else math.nan
        if ratio < slowest and own.lr * shrunk < TINY <= own.lr:
            yield _shrunk(run, segment, own, shrunk, ratio)
        elif ratio < slowest:
            story = f"all weights change by about {ratio:.1g} of their size per step"
            yield _finding(run, segment, [own], story, ratio)
        elif still and user and tenfold and _steeper(user, tenfold, moved, steeper):
            story = (
                f"at ten times the rate it fell from {tenfold.start:.4g} to {tenfold.end:.4g} on one batch, at yours "
            )
            yield _finding(run, segment, [own, user, tenfold], f"{story}to {user.end:.4g}", math.nan)
        elif still and found and _far_below(own, user, found, moved, far):
            story = f"raised step by step, it made the loss fall steepest at {found.steepest:.1g}"
            yield _finding(run, segment, [own], story, math.nan)
        elif objectives(run, segment) > 1:
            continue  # their sum need not fall
        elif user and tenfold and _creeps(own, user, tenfold, slow, steeper):
            below = found is not None and found.steepest >= far * own.lr
            if below or _crept(user, slow):
                yield _finding(run, segment, [own, user, tenfold], _pace(user, tenfold, found), math.nan)
        elif user and not tenfold and found and _fitted_late(own, user, found, slow, far):
            story = (
                f"one batch took {len(user.losses)} steps to be fitted, and in the range test the loss falls steepest"
            )
            yield _finding(run, segment, [own, user], f"{story} at {found.steepest:.1g}", math.nan)
    if not judged:
        raise Skip("no steady training with a known learning rate was seen")


def _steady(run: Recording) -> Iterator[tuple[int, Descent]]:
    """Yield the phases that were watched for some steps at a known rate, and how the loss went there."""
    for segment in dict.fromkeys(s.segment for s in run.rows(Step)):
        own = descent(run, OBSERVE, segment)
        if own is not None and not own.diverged and own.lr > 0 and len(own.losses) >= 8:
            yield segment, own


def _warming(run: Recording, segment: int) -> bool:
    rates = [s.lr for s in run.rows(Step) if s.experiment == OBSERVE and s.segment == segment and s.lr > 0]
    return len(rates) > 1 and rates[-1] > WARM_UP * rates[0]


def _fall(course: Descent) -> tuple[float, float]:
    """Return how much lower the last quarter is than the first, and how much of that may be noise."""
    quarter = max(1, len(course.losses) // 4)
    first, last = course.losses[:quarter], course.losses[-quarter:]
    steps = [abs(b - a) for a, b in zip(course.losses, course.losses[1:], strict=False)]
    noise = 1.5 * middle(steps) / math.sqrt(quarter)  # of the difference of two medians of neighbours' spread
    start = course.start if course.experiment != OBSERVE else middle(first)
    return start - middle(last), noise if math.isfinite(noise) else 0.0


def _still(course: Descent, moved: float) -> bool:
    """Whether the loss fell by no more than the noise of the batches, or rose by no more."""
    fall, noise = _fall(course)
    return abs(fall) <= max(moved * abs(course.start), 2 * noise)


def _steeper(user: Descent, tenfold: Descent, moved: float, steeper: float) -> bool:
    if user.diverged or tenfold.diverged or not _still(user, moved):
        return False
    fall, noise = _fall(tenfold)
    least = max(moved * abs(user.start), 3 * noise, steeper * max(_fall(user)[0], 0.0))
    return fall >= least


def _creeps(own: Descent, user: Descent, tenfold: Descent, slow: float, steeper: float) -> bool:
    """Whether the loss falls, slowly, and at ten times the rate in proportion: the rate alone sets the pace."""
    fall, noise = _fall(tenfold)
    least = max(2 * slow * abs(user.start), 3 * noise, steeper * _fall(_as_long(user, tenfold))[0])
    return not (user.diverged or tenfold.diverged) and _fall(own)[0] <= slow * abs(own.start) and fall >= least


def _crept(user: Descent, slow: float) -> bool:
    """Whether not even one repeated batch, which is free of noise, fell by more in many steps."""
    return len(user.losses) >= MANY and _fall(user)[0] <= slow * abs(user.start)


def _fitted_late(own: Descent, user: Descent, found: RateRange, slow: float, far: float) -> bool:
    """Whether the script's own batches creep, one batch took very long, and the loss falls only far above the rate."""
    above = found.steepest >= far * own.lr and found.begins >= 10 * own.lr
    return above and len(user.losses) >= 2 * MANY and not user.diverged and _fall(own)[0] <= slow * abs(own.start)


def _after_warm_up(
    run: Recording,
    segment: int,
    courses: tuple[Descent, Descent, Descent | None],
    found: RateRange | None,
    limits: tuple[float, float, float],
) -> Iterator[Finding]:
    """Report a full rate at which one repeated batch stays where it is, or creeps though it learns at ten times that.

    The experiments on one batch run at the rate that the warm-up ends with; what the script's own batches do in the
    meantime says nothing of it. Ten times the rate may not have been tried: a loop that has an end is over before that.
    """
    (own, user, tenfold), (moved, slow, far) = courses, limits
    if user.diverged or (tenfold and tenfold.diverged) or not user.lr >= TOP * own.lr or objectives(run, segment) > 1:
        return
    ratio = math.nan if any(p.loaded for p in matrices(run, segment)) else _typical_ratio(run, segment, 1.0)
    if ratio * len(user.losses) < WHOLE_WAY and _still(user, moved) and len(user.losses) >= MANY / 2:
        story = f"all weights change by about {ratio:.1g} of their size per step"
        yield _finding(run, segment, [user, *filter(None, [tenfold])], story, ratio)
        return
    if tenfold is None:
        return
    learns = _fall(tenfold)[0] >= 2 * slow * abs(user.start)
    creeps = len(user.losses) >= MANY and _fall(_as_long(user, own))[0] <= slow * abs(user.start)
    below = found is not None and found.begins >= 10 * user.lr and found.steepest >= far * user.lr
    if creeps and learns and below:
        yield _finding(run, segment, [user, tenfold], _pace(user, tenfold, found), math.nan)


def _as_long(course: Descent, other: Descent) -> Descent:
    """Return the first steps of a course, as many as the other has: it may have gone on for longer."""
    return replace(course, losses=course.losses[: len(other.losses)])


def _pace(user: Descent, tenfold: Descent, found: RateRange | None) -> str:
    story = (
        f"in {len(tenfold.losses)} steps on one batch it fell from {tenfold.start:.4g} to {tenfold.end:.4g} at ten "
        f"times the rate, at yours to {_as_long(user, tenfold).end:.4g}"
    )
    steepest = f"; raised step by step, it made the loss fall steepest at {found.steepest:.1g}" if found else ""
    return story + steepest


def _far_below(own: Descent, user: Descent | None, found: RateRange, moved: float, far: float) -> bool:
    """Whether not even one repeated batch moves at this rate, and the loss falls only far above it."""
    return user is not None and not user.diverged and _still(user, moved) and found.steepest >= far * own.lr


def _typical_ratio(run: Recording, segment: int, factor: float) -> float:
    """Return the median update / weight, or NaN where the learning rate is not to blame for it.

    `factor` is what the loss is multiplied with: but for the adaptive ones, the rate in effect is smaller by it. An
    update too small to change a float32 weight at all is estimated from the rate and the gradient. So is the part of
    it that is the loss's where a factor makes that small: weight decay, which no factor touches, is most of the rest.
    """
    measured = {n: median(r for _, r in values) for n, values in update_ratios(run, segment).items()}
    sizes = gradient_sizes(run, segment)
    types = {o.name: o.type for o in run.rows(Optimizer)}
    momenta = {o.name: o.momentum for o in run.rows(Optimizer) if 0 < o.momentum < 1}
    found = []
    for p in matrices(run, segment):
        size = sizes.get(p.name, math.nan)  # not known where few gradients were seen: then what moved must do
        trained = size > 0 or (math.isnan(size) and measured.get(p.name, 0.0) > 0)
        if p.name not in measured or not p.std > 0 or not trained:
            continue
        adaptive = any(word in types.get(p.optimizer, "") for word in ADAPTIVE)
        if not 0 < (p.lr if adaptive else p.lr * factor) < (TINY_ADAPTIVE if adaptive else TINY):
            return math.nan
        seen, step = measured[p.name], 1.0 if adaptive else size / (1 - momenta.get(p.optimizer, 0.0))
        estimate = p.lr * step / p.std if size > 0 else seen
        found.append(min(seen or estimate, estimate) if factor < 1 and not adaptive else seen or estimate)
    return middle(found)


def _shrunk(run: Recording, segment: int, own: Descent, factor: float, ratio: float) -> Finding:
    """Return the finding of a usual rate that a factor of the loss makes tiny."""
    usual = _finding(run, segment, [own], f"all weights change by about {ratio:.1g} of their size per step", ratio)
    backward = next((b for b in run.rows(Backward) if b.segment == segment and b.experiment == OBSERVE), None)
    return replace(
        usual,
        message=f"{usual.message[:-1]}. The loss is multiplied by {factor:.3g} before `backward`, which makes the rate "
        f"one of {own.lr * factor:.2g}.",
        advice="Take the constant out of the loss: `loss.backward()`.",
        where=SourceLine.of(backward),
        evidence=(Measure("factor of the loss", factor, "about 1"), *usual.evidence),
        certain=True,  # both factor and steps are measured
        treatments=("adamw",),  # no rate that may be tried makes up for it; its steps do not see the loss's scale
        explains=frozenset({*SYMPTOMS, "over-regularised"}),  # beside a tiny gradient any weight decay is strong
    )


def _finding(run: Recording, segment: int, courses: list[Descent], story: str, ratio: float) -> Finding:
    own, found = courses[0], swept(run, segment)
    rows = [o for o in run.rows(Optimizer) if o.segment == segment] or run.rows(Optimizer)
    optimizer = max(rows, key=lambda o: (o.lr > 0, o.lr), default=None)
    name = optimizer.type if optimizer is not None else "the optimizer"
    return Finding(
        message=f"With {name} and a learning rate of {own.lr:.3g} the loss hardly moved in {len(own.losses)} steps "
        f"({own.start:.4g} to {own.end:.4g}): {story}.",
        advice="Raise the learning rate, tenfold each time, until the loss falls clearly, and stay a little below the "
        "rate at which it begins to jump. Usual are 1e-3 for Adam and 1e-2 to 1e-1 for SGD.",
        where=SourceLine.of(optimizer),
        evidence=(
            Measure("learning rate", own.lr, ">= ten times as much"),
            *([Measure("update / weight", ratio, "about 0.001")] if math.isfinite(ratio) else []),
            *evidence(found, own.lr),
            *(curve(f"loss, {c.experiment}", c.steps, c.losses) for c in courses),
        ),
        certain=len(courses) > 2,
        treatments=FAR_HIGHER
        if math.isfinite(ratio) or (found and found.steepest >= BEYOND_TENFOLD * own.lr)
        else None,
    )
