"""T missing-zero-grad."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve
from nndoctor.records import OptimizerStep
from nndoctor_checks.optimizer_steps import by_optimizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "missing-zero-grad",
    reason="T",
    severity=Severity.ERROR,
    needs=[OptimizerStep],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "exploding-gradient",
        "fails-on-solvable-data",
        "ignores-input",
        "input-disconnected",
        "learning-rate-too-high",
        "non-finite",
        "saturated-activation",
        "update-ratio",
        "vanishing-gradient",
    ],
    treatments=["clear-gradients"],
)
def missing_zero_grad(
    run: Recording,
    *,
    most: float = 0.5,  # of the parameters with a gradient, and of the steps
    part: float = 0.1,  # of the parameters, at every step: forgotten for a part of the model
    min_steps: int = 3,
) -> Iterator[Finding]:
    """Gradients are not cleared: each step uses the sum of all gradients so far.

    ## What it does
    Looks into the gradient buffers at each step of an optimizer, and whether they were emptied at any time since its
    last step. Reports an optimizer of which more than `most` of the parameters still hold what the last step used.
    Gradients that are collected over several batches and cleared after the step are accumulation, and fine.

    ## Why is this bad?
    `backward` adds to the gradients that are there. Without clearing, each step goes along the sum of all gradients
    since the beginning, most of them of weights long gone. It acts like a momentum of 1: steps grow, the loss
    swings and often diverges.

    ## Example
    ```python
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    ```

    Use instead:
    ```python
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    ```

    ## Known problems
    Scripts that keep a decayed gradient in `grad` as their own momentum look the same.

    ## References
    - Andrej Karpathy, "most common neural net mistakes", 2018 (you forgot to .zero_grad() before .backward())
    - PyTorch tutorials, Zeroing out gradients in PyTorch
    """
    judged = 0
    for name, steps in by_optimizer(run).items():
        # The second of two steps on one backward pass (SAM and the like) rightly finds the gradients of the first.
        rows = [s for s in steps[1:] if s.backwards > 0 and s.with_gradient > 0]
        if len(rows) < min_steps:
            continue
        judged += 1
        shares = [s.stale / s.with_gradient for s in rows]
        full = sum(share > most for share in shares)
        if full == len(rows):
            yield _finding(name, rows, shares, None)
        elif full > most * len(rows) or all(share >= part for share in shares):
            yield _finding(name, rows, shares, Severity.WARNING)
    if not judged:
        raise Skip(f"fewer than {min_steps} steps with gradients were seen after the first")


def _finding(name: str, rows: Sequence[OptimizerStep], shares: Sequence[float], severity: Severity | None) -> Finding:
    hit = sum(share > 0 for share in shares)
    usual = median(shares)
    whose = f" of {name}" if name else ""
    norms = curve("gradient norm", [r.step for r in rows], [r.gradient_norm for r in rows])
    return Finding(
        message=f"In {hit} of {len(rows)} steps{whose}, the gradients of the step before were still there, in "
        f"{usual:.0%} of its parameters: gradients pile up.",
        advice="Call `optimizer.zero_grad()` once per step, before `loss.backward()` (or right after "
        "`optimizer.step()`), for the optimizer that steps.",
        where=SourceLine.of(rows[0]),
        names=(name,) if name else (),
        evidence=(
            Measure("share of parameters with gradients of the step before", usual, "0"),
            *([norms] if norms.values else []),
        ),
        severity=severity,
        certain=severity is None,
    )
