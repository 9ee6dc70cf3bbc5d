"""T gradients-cleared-before-step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import OptimizerStep
from nndoctor_checks.optimizer_steps import by_optimizer
from nndoctor_checks.wiring import NOT_TRAINED_SYMPTOMS

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "gradients-cleared-before-step",
    reason="T",
    severity=Severity.ERROR,
    needs=[OptimizerStep],
    explains=[*NOT_TRAINED_SYMPTOMS, "no-gradient", "parameters-not-updating"],
    treatments=["keep-gradients"],
)
def gradients_cleared_before_step(
    run: Recording,
    *,
    share: float = 0.9,  # of the steps; in some, a loop may rightly drop a bad gradient
    min_steps: int = 3,
) -> Iterator[Finding]:
    """The gradients are cleared after the backward pass and before the step.

    ## What it does
    Compares the gradients after the last `backward` with those that the optimizer finds. Reports an optimizer that
    found none left in nearly all of its steps although there had been some.

    ## Why is this bad?
    The optimizer has nothing to follow: without gradients the weights stay as they are (weight decay and old momentum
    apart), and the loss does not move. Nothing warns of it, as each of the three calls is right by itself.

    ## Example
    ```python
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    ```

    Use instead:
    ```python
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ```

    ## Known problems
    Clearing the gradients of some parameters only, to hold them still for a while, is meant and is not reported.

    ## References
    - PyTorch tutorials, Optimizing Model Parameters (zero_grad, backward, step: in this order)
    """
    judged = 0
    for name, steps in by_optimizer(run).items():
        rows = [s for s in steps if s.backwards > 0]
        if len(rows) < min_steps:
            continue
        judged += 1
        empty = [s for s in rows if s.with_gradient == 0 and s.cleared > 0]
        if len(empty) < share * len(rows):
            continue
        whose = f" of {name}" if name else ""
        yield Finding(
            message=f"In {len(empty)} of {len(rows)} steps{whose} no gradient was left: {empty[0].cleared} of "
            f"{max(empty[0].parameters, empty[0].cleared)} parameters had one after `backward`, and all were cleared "
            "before `step`.",
            advice="Call `optimizer.zero_grad()` before `loss.backward()`, not between it and `optimizer.step()`.",
            where=SourceLine.of(empty[0]),
            names=(name,) if name else (),
            evidence=(
                Measure("parameters with a gradient at the step", 0, f"{empty[0].cleared}, as after backward"),
                Measure("share of steps without gradients", len(empty) / len(rows), "0"),
            ),
        )
    if not judged:
        raise Skip(f"fewer than {min_steps} optimizer steps after a backward pass were seen")
