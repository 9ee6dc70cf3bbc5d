"""T optimizer-never-steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import COAST, Backward, Optimizer, OptimizerStep, Step
from nndoctor_checks.observed import by_segment, observed
from nndoctor_checks.wiring import NOT_TRAINED_SYMPTOMS

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "optimizer-never-steps",
    reason="T",
    severity=Severity.ERROR,
    needs=[Step, Backward],
    explains=[*NOT_TRAINED_SYMPTOMS, "parameters-not-in-optimizer", "parameters-not-updating"],
    treatments=["step-each-iteration"],
)
def optimizer_never_steps(
    run: Recording,
    *,
    min_steps: int = 5,
    accumulation: int = 100,  # backward passes; gradients are collected over up to 64 batches in earnest
) -> Iterator[Finding]:
    """Gradients are computed, and nothing is done with them.

    ## What it does
    Reports a training loop that calls `backward` in at least `min_steps` iterations while no optimizer steps and no
    parameter changes, in any of the experiments. With fewer than `accumulation` backward passes seen it is a
    warning, as the gradients may still be collected for a first step.

    ## Why is this bad?
    Only the step changes the weights. Without it the network stays as it was initialised: the loss goes up and down
    with the batches, and any score is that of a random network.

    ## Example
    ```python
    optimizer.zero_grad()
    loss.backward()
    ```

    Use instead:
    ```python
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ```

    ## Known problems
    Scripts that want nothing but gradients (saliency maps, adversarial examples) look alike; without an optimizer it
    is therefore a warning.

    ## References
    - PyTorch tutorials, Optimizing Model Parameters (zero_grad, backward, step: in this order)
    """
    moved = {s.segment for s in run.rows(Step) if s.optimizer_steps > 0 or s.parameters_changed}
    moved |= {s.segment for s in run.rows(OptimizerStep)}
    for segment, steps in by_segment(s for s in observed(run, Step) if s.backwards > 0).items():
        # What is on its way out (coast) is no training loop of its own.
        passes = [b for b in run.rows(Backward) if b.segment == segment and b.experiment != COAST and not b.failed]
        reached = any(b.reached != 0 for b in passes)
        if segment in moved or len(steps) < min_steps or not reached:
            continue
        built = [o for o in run.rows(Optimizer) if o.segment <= segment]
        certain = bool(built) and len(passes) >= accumulation
        name = built[-1].name if built else ""
        who = f"{name or 'the optimizer'} never stepped" if built else "there is no optimizer"
        yield Finding(
            message=f"`backward` ran {len(passes)} times, but {who} and no parameter changed.",
            advice="Call `optimizer.step()` after `loss.backward()`, in the same iteration. If it is there, see that "
            "the condition around it comes true and that the call has its parentheses.",
            where=SourceLine.of(passes[0]),
            names=(name,) if name else (),
            evidence=(
                Measure("backward passes", len(passes), ""),
                Measure("optimizer steps", 0, ">= 1"),
            ),
            severity=None if certain else Severity.WARNING,
            certain=certain,
        )
