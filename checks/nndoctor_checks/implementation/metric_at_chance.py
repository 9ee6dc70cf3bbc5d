"""R21 metric-at-chance."""

from __future__ import annotations

import math
from statistics import mean
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve
from nndoctor.records import OVERFIT, LossCall, Module, Step
from nndoctor_checks.descent import descent, objectives
from nndoctor_checks.loss_calls import place, training_calls
from nndoctor_checks.networks import networks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FLICKER = 0.05
"""Predictions that vary by less, in standard deviations of the target, are a constant: collapsed-predictions."""


@check(
    "metric-at-chance",
    reason="R21",
    severity=Severity.WARNING,
    needs=[LossCall],
    explains=["cannot-overfit-batch", "ignores-input", "needs-more-time"],
)
def metric_at_chance(
    run: Recording,
    *,
    min_steps: int = 50,  # on one batch of 16, which a network that learns has fitted by then
    fell: float = 0.5,  # share of the loss that went away: progress by any standard
    above: float = 0.1,  # share of the way from a constant's score to a perfect one; 16 samples allow no finer look
) -> Iterator[Finding]:
    """The loss falls, and the predictions are no better than a constant.

    ## What it does
    Measures accuracy or R2 at every loss that compares with a target, without being asked. Reports a loss of which this
    score stayed within `above` of what a constant prediction gets, in the last steps of `observe` as well as after
    `min_steps` steps on one small batch, while the objective lost at least the share `fell` there and the predictions
    differed from sample to sample.

    ## Why is this bad?
    The number that is minimised is not what you want of the network. Something else in it falls: the mean of the
    target is learnt, a second term takes all the gradient, or labels and inputs are not those of the same samples.

    ## Example
    ```python
    order = torch.randperm(len(x))
    loss = F.mse_loss(model(x), y[order])
    ```

    Use instead:
    ```python
    order = torch.randperm(len(x))
    loss = F.mse_loss(model(x[order]), y[order])
    ```

    ## Known problems
    Only losses whose score can be measured are judged: class labels, squared and absolute errors, and not those that
    the script reduces itself (`reduction="none"`), of which it may mask a part. With several
    networks, or a regression without a DataLoader, targets may be estimates that move, and nothing is said; nor of a
    regression within a layer that is trained (codes and their codebook).

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 21: monitor other metrics)
    """
    judged = False
    for small in training_calls(run, experiment=OVERFIT):
        course = descent(run, OVERFIT, small[0].segment)
        here = [c for c in small if _measured(c)]
        if course is None or course.diverged or len(here) < min_steps or _targets_are_made(run, small[0]):
            continue
        judged = True
        wide = [c for c in _same_place(run, small[0]) if _measured(c)]
        late = wide[-max(1, len(wide) // 3) :]
        down = course.start - course.end >= fell * course.start > 0
        if down and late and _at_chance(here[-10:], above) and _at_chance(late, above):
            yield _finding(here, late, course.start, course.end)
    if not judged:
        raise Skip("no score could be followed long enough on one batch")


def _finding(small: Sequence[LossCall], late: Sequence[LossCall], start: float, end: float) -> Finding:
    call = small[-1]
    score, chance = _level(small[-10:])
    return Finding(
        message=f"On one batch the objective fell from {start:.3g} to {end:.3g} in {len(small)} steps, but the "
        f"{call.metric} of {call.function} is {score:.2g}, where a constant gets {chance:.2g}. On all batches it is "
        f"{_level(late)[0]:.2g}.",
        advice="Print a few predictions beside their targets and check that they belong to the same samples. With "
        "several terms, log each by itself and see which one falls.",
        where=SourceLine.of(call),
        evidence=(
            Measure(f"{call.metric} on one batch", score, f"> {chance:.2g}, a constant's"),
            curve(f"{call.metric} on one batch", [c.step for c in small], [c.score for c in small]),
        ),
        certain=False,
    )


def _targets_are_made(run: Recording, call: LossCall) -> bool:
    """Whether a network may have a hand in the target: a teacher, a target network, an adversary, its own estimate."""
    if objectives(run, call.segment) > 1 or len(networks(run, call.segment)) > 1 or _within_a_layer(run, call):
        return True
    fed = any(s.loader for s in run.rows(Step) if s.segment == call.segment)
    return not fed and (call.metric == "r2" or call.written_by_hand)


def _within_a_layer(run: Recording, call: LossCall) -> bool:
    """Whether it compares what passes through a trained part of the network: codes with their codebook, say."""
    rows = [m for m in run.rows(Module) if m.segment == call.segment and m.name != m.root]
    parts = (m for m in rows if m.name == call.module or m.name.startswith(f"{call.module}."))
    return call.metric == "r2" and bool(call.module) and any(m.parameters > 0 for m in parts)


def _measured(call: LossCall) -> bool:
    """Whether a score was taken, of targets that leave something to tell apart and that all count.

    Of a loss that is not reduced, the script may leave out or weigh down what it likes: padding, what is not known.
    """
    varies = call.target_std > 0 if call.metric == "r2" else call.distinct_targets > 1
    action = call.written_by_hand and call.metric == "accuracy" and not call.log_probabilities  # a value is picked
    whole = call.reduction != "none"
    return (
        bool(call.metric)
        and varies
        and whole
        and not action
        and math.isfinite(call.score)
        and math.isfinite(call.chance)
    )


def _same_place(run: Recording, call: LossCall) -> list[LossCall]:
    groups = training_calls(run, (call.function,))
    return [c for group in groups for c in group if c.segment == call.segment and place(c) == place(call)]


def _level(calls: Sequence[LossCall]) -> tuple[float, float]:
    return mean(c.score for c in calls), mean(c.chance for c in calls)


def _at_chance(calls: Sequence[LossCall], above: float) -> bool:
    score, chance = _level(calls)
    constant = [
        c.prediction_std <= FLICKER * c.target_std if c.metric == "r2" else c.distinct_predictions == 1 for c in calls
    ]  # fmt: skip
    return not all(constant) and score <= chance + above * (1 - chance)
