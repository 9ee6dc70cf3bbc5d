"""R18 loss-flat."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, curve
from nndoctor.records import TRAIN, Batch, LossCall, OptimizerStep, Step
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "loss-flat",
    reason="R18",
    severity=Severity.ERROR,
    needs=[Step, Batch],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "ignores-input",
        "learning-rate-too-low",
    ],
)
def loss_flat(
    run: Recording,
    *,
    min_steps: int = 10,  # ten different batches do not give one loss by chance
    tolerance: float = 1e-6,  # relative; some ten times the rounding of a float32 mean
    gradient: float = 1e-6,  # above this the value stands still, but the function behind it does not
) -> Iterator[Finding]:
    """The loss has the same value on every batch, although the parameters change.

    ## What it does
    Reports a phase of at least `min_steps` training steps in which the loss varied by less than `tolerance`, relative
    to its size, although the batches differed and the parameters changed. Slow descent is not meant: the losses of
    different batches differ also where nothing is learnt.

    ## Why is this bad?
    Such a loss is a constant in disguise: it depends neither on the data nor on the weights, so its gradient is zero or
    rounding noise. Typical are the mean of a softmax's outputs, a softmax or cross-entropy over a single column, a
    mask that removes everything, and a margin that is always met.

    ## Example
    ```python
    loss = -torch.softmax(model(x), dim=1).sum(1).mean()
    ```

    Use instead:
    ```python
    loss = nn.functional.cross_entropy(model(x), y)
    ```

    ## Known problems
    Surrogates whose value is constant by construction and whose gradient is not (`loss / loss.detach()`, DiCE) are only
    reported as a warning.

    ## References
    - Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems, ICSE 2020 (wrong loss function calculation)
    """
    batches = by_segment(b for b in observed(run, Batch) if b.split == TRAIN and b.content)
    for segment, steps in by_segment(s for s in observed(run, Step) if math.isfinite(s.loss)).items():
        losses = [s.loss for s in steps]
        spread = max(losses) - min(losses)
        if len(steps) < min_steps or not spread <= tolerance * max(map(abs, losses)):
            continue
        if sum(s.parameters_changed for s in steps) < len(steps) / 2:
            continue  # the parameters do not move either: another check says why
        contents = {b.content for b in batches.get(segment, ()) if b.step <= steps[-1].step}
        if len(contents) < min_steps / 2:
            continue  # the same batch again and again: no wonder
        yield _finding(run, segment, steps, spread, gradient)


def _finding(run: Recording, segment: int, steps: Sequence[Step], spread: float, gradient: float) -> Finding:
    losses = [s.loss for s in steps]
    calls = [c for c in observed(run, LossCall) if c.segment == segment and c.split == TRAIN]
    norms = [r.gradient_norm for r in observed(run, OptimizerStep) if r.segment == segment]
    known = [norm for norm in norms if math.isfinite(norm)]
    severity, reason = None, "It depends neither on the batch nor on the weights."
    if any(c.function == "cross_entropy" and c.classes == 1 for c in calls):
        reason = "Cross-entropy over a single output is always 0: the softmax of one number is 1."
    elif losses[-1] == 0:
        severity, reason = Severity.WARNING, "Either the task is solved from the start, or a mask or margin removes it."
    elif known and median(known) > gradient:
        severity = Severity.WARNING
        reason = f"Its gradient is not zero (norm {median(known):.3g}), so the value alone may be constant by design."
    elif any("float16" in c.input_dtype for c in calls):  # bfloat16 too: three digits may hide a slow descent
        severity, reason = Severity.WARNING, "It is computed in 16 bits, which may hide small changes."
    return Finding(
        message=f"The loss was {losses[-1]:.6g} in each of {len(steps)} steps, although the batches differed and the "
        f"parameters changed. {reason}",
        advice="Write down how the loss depends on the prediction and on the target, and print both: look for a "
        "normalisation over the wrong or only dimension, a mask that removes all, or a term that cancels.",
        where=SourceLine.of(calls[-1] if calls else None),
        evidence=(
            Measure("spread of the loss", spread, "> 0: other batches, other losses"),
            curve("loss", [s.step for s in steps], losses),
        ),
        severity=severity,
        certain=severity is None,
    )
