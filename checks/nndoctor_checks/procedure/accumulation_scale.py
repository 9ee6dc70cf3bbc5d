"""T accumulation-scale."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import OBSERVE, TRAIN, Backward, Clipping, LossCall, Optimizer, OptimizerStep, Step
from nndoctor_checks.descent import Descent, descent
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Iterator

SCALED = ("SGD", "ASGD", "LBFGS")
"""Optimizers whose step grows with the gradient; Adam and its like divide by its size."""

RATE = frozenset({"learning-rate-too-high", "exploding-gradient", "non-finite", "update-ratio", "diverging"})
"""What a step that is several times too long shows as."""


@check("accumulation-scale", reason="T", severity=Severity.NOTE, needs=[OptimizerStep, Backward, LossCall])
def accumulation_scale(
    run: Recording,
    *,
    same: float = 0.02,  # how much the loss that `backward` gets may differ from the loss function's value
    min_steps: int = 4,  # of the optimizer
    risen: float = 1.5,  # end / start of the loss on the script's own batches: there the sum is too much
) -> Iterator[Finding]:
    """Gradients of several micro-batches are added up and not divided by their number.

    ## What it does
    Recognises loops in which the optimizer steps after every k-th batch only, and compares the loss on which `backward`
    is called with the mean over the batch that the loss function returned. If they are equal, nothing was divided by k.
    A note; a warning, which explains a learning rate that is too high, where the loss rose to `risen` times its start.

    ## Why is this bad?
    The step of SGD is k times as long as that of one batch of the same total size: whoever changes the number of
    micro-batches (to fit another GPU) changes the learning rate with it. Adam and its like divide by the size of the
    gradient and are judged only if the gradients are clipped: the bound is then reached k times sooner.

    ## Example
    ```python
    loss = criterion(model(x), y)
    loss.backward()
    ```

    Use instead:
    ```python
    loss = criterion(model(x), y) / accumulate
    loss.backward()
    ```

    ## Known problems
    A learning rate that was chosen for the sum is just as good; then the note may be ignored.

    ## References
    - Goyal et al., Accurate, Large Minibatch SGD, 2017 (section 3: subtleties and pitfalls of distributed SGD)
    """
    judged = False
    types = {o.name: o.type for o in run.rows(Optimizer)}
    clipped = {c.segment for c in observed(run, Clipping)}
    every = observed(run, OptimizerStep)
    for segment in dict.fromkeys(s.segment for s in every):
        taken = [s for s in every if s.segment == segment]
        iterations = [s for s in observed(run, Step) if s.segment == segment and s.backwards > 0]
        if len({s.optimizer for s in taken}) != 1 or len(taken) < min_steps:
            continue
        scaled = types.get(taken[0].optimizer) in SCALED
        if not scaled and segment not in clipped:
            continue
        judged = True
        passes = round(median(s.backwards for s in taken))
        if passes < 2 or len(iterations) < passes * (len(taken) - 1):
            continue  # several passes on one batch are parts of one loss
        ratio = _ratio(run, segment)
        if abs(ratio - 1) <= same:
            harmful = scaled and _rises(descent(run, OBSERVE, segment), risen)
            yield Finding(
                message=f"The gradients of {passes} batches are added up for each step of {taken[0].optimizer}, and "
                f"their losses are not divided by {passes}."
                + ("" if scaled else f" What they are clipped to is reached {passes} times sooner."),
                advice=f"Divide the loss by the number of micro-batches before `backward`: `(loss / {passes})."
                "backward()`; the learning rate then means the same for any number of them.",
                where=SourceLine.of(next((b for b in run.rows(Backward) if b.segment == segment), None)),
                evidence=(Measure("loss of `backward` / loss of the batch", ratio, f"{1 / passes:.3g}"),),
                severity=Severity.WARNING if harmful else None,
                explains=RATE if harmful else None,
            )
    if not judged:
        raise Skip("no SGD was seen that steps several times, nor clipping")


def _rises(own: Descent | None, risen: float) -> bool:
    return own is not None and (own.diverged or own.end > risen * own.start > 0)


def _ratio(run: Recording, segment: int) -> float:
    """Return what `backward` was called on / what the loss functions returned, NaN where that is not constant."""
    called: dict[int, list[float]] = {}
    for call in run.rows(LossCall):
        if call.experiment == OBSERVE and call.segment == segment and call.split == TRAIN and call.requires_grad:
            called.setdefault(call.step, []).append(call.value if call.reduction == "mean" else math.nan)
    ratios = [
        b.loss / sum(values)
        for b in run.rows(Backward)
        if b.experiment == OBSERVE and b.segment == segment and (values := called.get(b.step)) and sum(values) > 0
    ]
    known = [r for r in ratios if math.isfinite(r)]
    return median(known) if known and len(known) == len(ratios) else math.nan
