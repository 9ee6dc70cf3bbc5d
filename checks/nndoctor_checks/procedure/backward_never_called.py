"""T backward-never-called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import Backward, OptimizerStep
from nndoctor_checks.observed import by_segment, observed
from nndoctor_checks.wiring import NOT_TRAINED_SYMPTOMS

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "backward-never-called",
    reason="T",
    severity=Severity.ERROR,
    needs=[OptimizerStep],
    explains=[*NOT_TRAINED_SYMPTOMS, "loss-detached", "no-gradient", "parameters-not-updating"],
)
def backward_never_called(
    run: Recording,
    *,
    min_steps: int = 3,
) -> Iterator[Finding]:
    """The optimizer steps, but no gradients are ever computed.

    ## What it does
    Reports a phase of at least `min_steps` optimizer steps in which `backward` was not called once, neither by the
    loop nor by a closure, and in which no parameter held a gradient.

    ## Why is this bad?
    The optimizer goes by the gradients that `backward` leaves behind. Without any it changes nothing (or only decays
    the weights), without a word: a parameter whose gradient is None is skipped.

    ## Example
    ```python
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    optimizer.step()
    ```

    Use instead:
    ```python
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    ```

    ## Known problems
    Gradients that are set by hand (evolution strategies, functional transforms) count as gradients.

    ## References
    - PyTorch tutorials, Optimizing Model Parameters (zero_grad, backward, step: in this order)
    """
    computed = {b.segment for b in run.rows(Backward)}
    judged = 0
    for segment, rows in by_segment(observed(run, OptimizerStep)).items():
        if len(rows) < min_steps:
            continue
        judged += 1
        if segment in computed or any(r.backwards or r.with_gradient for r in rows):
            continue
        names = tuple(dict.fromkeys(r.optimizer for r in rows if r.optimizer))
        yield Finding(
            message=f"{names_shown(names) or 'The optimizer'} stepped {len(rows)} times, and `backward` was never "
            "called: there were no gradients to follow.",
            advice="Call `loss.backward()` between the computation of the loss and `optimizer.step()`.",
            where=SourceLine.of(rows[0]),
            names=names,
            evidence=(
                Measure("optimizer steps", len(rows), ""),
                Measure("backward passes", 0, ">= 1"),
            ),
        )
    if not judged:
        raise Skip(f"fewer than {min_steps} optimizer steps were seen")
