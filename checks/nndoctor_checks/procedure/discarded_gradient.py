"""T discarded-gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import Optimizer, OptimizerStep, Parameter, PassUse, Step
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "discarded-gradient",
    reason="T",
    severity=Severity.WARNING,
    needs=[Step, OptimizerStep],
    explains=[
        "cannot-overfit-batch",
        "fails-on-solvable-data",
        "loss-flat",
        "metric-at-chance",
        "missing-zero-grad",
        "no-gradient",
        "parameters-not-updating",
    ],
)
def discarded_gradient(
    run: Recording,
    *,
    min_passes: int = 5,  # looked at; one iteration may do without
    min_share: float = 0.9,  # of the passes at one place
    min_steps: int = 20,  # of the other optimizers: adversaries that wait do so for five steps or ten
) -> Iterator[Finding]:
    """Gradients are computed that no optimizer ever uses.

    ## What it does
    Follows the gradients of each backward pass, in a few steps. Reports a place whose passes were in vain: all their
    gradients were cleared before an optimizer took any, while another pass of the same iteration was used. Reports an
    optimizer, too, that never steps, although the loss leads to its parameters and other optimizers step all the time.

    ## Why is this bad?
    The objective was meant to train something and does not. The part of the network that only it trains stays as it was
    built; the rest learns without it.

    ## Example
    ```python
    optimizer.zero_grad()
    reconstruction.backward(retain_graph=True)
    optimizer.zero_grad()
    classification.backward()
    optimizer.step()
    ```

    Use instead:
    ```python
    optimizer.zero_grad()
    (reconstruction + classification).backward()
    optimizer.step()
    ```

    ## Known problems
    A pass that only measures (the gradient norm of each task, Fisher information within the loop) is in vain on
    purpose, and so is an optimizer whose turn comes much later. The discriminator's gradients in a generator's step
    are no finding: the generator's of the same pass are used.

    ## References
    - [PyTorch, torch.optim](https://pytorch.org/docs/stable/optim.html): how to take an optimization step
    """
    for row in run.rows(PassUse):
        if row.wasted >= min_passes and row.wasted >= min_share * (row.wasted + row.used):
            yield _wasted(row)
    for segment, steps in by_segment(s for s in observed(run, Step) if s.optimizer_steps > 0).items():
        if len(steps) >= min_steps:
            yield from _idle(run, segment)


def _wasted(row: PassUse) -> Finding:
    return Finding(
        message=f"The gradients of this backward pass, on {row.parameters} parameters, were cleared before any "
        f"optimizer stepped, in each of {row.wasted} steps looked at.",
        advice="Add the losses up and call `backward` once, or clear the gradients only once in each iteration, before "
        "the first backward pass.",
        where=SourceLine.of(row),
        evidence=(
            Measure("passes whose gradients were used", row.used, f"{row.used + row.wasted}"),
            *([Measure("its loss at the last step", row.last)] if math.isfinite(row.last) else []),
        ),
    )


def _idle(run: Recording, segment: int) -> Iterator[Finding]:
    stepped = {s.optimizer for s in run.rows(OptimizerStep) if s.segment == segment}
    for optimizer in run.rows(Optimizer):
        own = [p for p in run.rows(Parameter) if p.segment == segment and p.optimizer == optimizer.name]
        fed = [p for p in own if p.requires_grad and p.walked > 0 and p.reached > p.walked / 2]
        if optimizer.name in stepped or not fed or any(p.changed for p in own) or not stepped:
            continue
        yield _never_steps(optimizer, fed, sum(s.segment == segment for s in run.rows(OptimizerStep)))


def _never_steps(optimizer: Optimizer, fed: Sequence[Parameter], others: int) -> Finding:
    return Finding(
        message=f"{optimizer.name} never stepped, while the other optimizers did {others} times: the gradients of "
        f"{names_shown([p.name for p in fed])} are computed and not used.",
        advice="Call `step()` of this optimizer after its own backward pass; look for another one that is stepped in "
        "its place.",
        where=SourceLine.of(optimizer),
        names=tuple(p.name for p in fed),
        evidence=(Measure("steps of this optimizer", 0, ">= 1"),),
    )
