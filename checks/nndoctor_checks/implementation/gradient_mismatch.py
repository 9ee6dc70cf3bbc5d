"""R26 gradient-mismatch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import GradientCheck

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "gradient-mismatch",
    reason="R26",
    severity=Severity.ERROR,
    needs=[GradientCheck],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "exploding-gradient",
        "fails-on-solvable-data",
        "ignores-input",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "no-gradient",
        "update-ratio",
        "vanishing-gradient",
    ],
)
def gradient_mismatch(
    run: Recording,
    *,
    tolerance: float = 1e-2,  # float64 differences are right to 1e-6; kinks between two points cost some 1e-3
    steady: float = 1e-3,  # how far differences of two step sizes may be apart, for the forward to be smooth there
    approximate: float = 0.1,  # less may be an approximation; a wrong factor, sign or term makes more
    passed_on: float = 0.2,  # share of unchanged values: a clamp, a mask, the identity
) -> Iterator[Finding]:
    """A hand-written backward is not the derivative of its forward.

    ## What it does
    Calls each custom `autograd.Function` again on what it got in training, in float64, and compares its backward with
    central differences of its forward, in random directions. Reports a relative error above `tolerance` where the
    forward is smooth; below `approximate`, or where no gradient is returned at all, as a warning. A backward that
    differs on purpose is a note: the forward is a step function (rounding, sign: a straight-through or surrogate
    gradient), or passes its input on (gradient reversal, scaling, clipping).

    The gradient of the whole loss is compared as well: the script's own loop runs on one batch in float64, with the
    parameters moved a little along the gradient and in random directions. A difference above `approximate` that no
    function of the user's accounts for is a note: `detach`, `no_grad`, `.data` or a hook makes it so, often on purpose.

    ## Why is this bad?
    The optimizer follows the gradient that it is given. A wrong factor changes the learning rate of all layers before
    it, a wrong sign or a missing term leads elsewhere than down, and nothing raises an exception.

    ## Example
    ```python
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * torch.sigmoid(x)  # of x * sigmoid(x)
    ```

    Use instead:
    ```python
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s + x * s * (1 - s))
    ```

    ## Known problems
    One by one only the user's own functions are looked at, not those of installed libraries. Functions that work in
    float32 only are skipped. Implicit layers whose gradient is approximate by design are reported. The whole loss is
    not compared in loops without a DataLoader, with several objectives, or where it is random in spite of its seed.

    ## References
    - [Stanford CS231n, Gradient checks](https://cs231n.github.io/neural-networks-3/#gradcheck)
    - [PyTorch, Gradcheck mechanics](https://pytorch.org/docs/stable/notes/gradcheck.html)
    """
    reasons, judged, told = [], 0, set()
    for row in [r for r in run.rows(GradientCheck) if not r.whole]:
        if row.why:
            reasons.append(f"{row.name} could not be compared: {row.why}")
        elif row.error <= tolerance:
            judged += 1
        elif not (math.isfinite(row.error) and math.isfinite(row.backward) and math.isfinite(row.numeric)):
            reasons.append(f"{row.name} could not be compared: its gradient is not finite")
        else:
            judged += 1
            told.add(row.segment)
            yield from _custom(row, tolerance, steady, approximate, passed_on)
    for row in [r for r in run.rows(GradientCheck) if r.whole]:
        if row.why or not math.isfinite(row.error + row.backward + row.numeric):
            reasons.append(f"the loss could not be compared: {row.why or 'its gradient is not finite'}")
        elif row.error <= tolerance or row.segment in told:
            judged += 1
        elif not row.unsteady <= steady:
            reasons.append("the loss could not be compared: it has steps or kinks there")
        else:
            judged += 1
            if row.error >= approximate:
                yield _whole(row, tolerance)
    if not judged and reasons:
        raise Skip(" ".join(reasons[0].split()))


def _custom(
    row: GradientCheck, tolerance: float, steady: float, approximate: float, passed_on: float
) -> Iterator[Finding]:
    if row.numeric == 0.0 or not row.unsteady <= steady:
        if row.backward > 0:
            yield _note(row, "its forward has steps or kinks there", tolerance)
    elif row.unchanged >= passed_on:
        yield _note(row, f"its forward passes {row.unchanged:.0%} of its input on as it is", tolerance)
    else:
        yield _finding(row, tolerance, mild=row.backward == 0.0 or row.error < approximate)


def _whole(row: GradientCheck, tolerance: float) -> Finding:
    return Finding(
        title="The gradient of the loss is not its derivative.",
        message=f"The gradient that `backward` gives differs by {row.error:.0%} from finite differences of the loss "
        f"(one batch, float64, {row.directions} directions of the parameters).",
        advice="Nothing is to be done if a part of the graph is cut on purpose (targets of one's own, an advantage, a "
        "straight-through estimator). Else look for `detach`, `no_grad`, `.data`, `.item()` and hooks on the way.",
        where=SourceLine.of(row),
        evidence=(
            Measure("relative error", row.error, f"<= {tolerance:g}"),
            Measure("derivative along the gradient: by backward", row.backward, f"about {row.numeric:.3g}"),
        ),
        severity=Severity.NOTE,
        certain=False,
        explains=frozenset(),
    )


def _finding(row: GradientCheck, tolerance: float, *, mild: bool) -> Finding:
    return Finding(
        message=f"The backward of {row.name} differs from the derivative of its forward with respect to argument "
        f"{row.input} by {row.error:.0%} (finite differences in {row.directions} directions, float64).",
        advice=f"Derive it once more, or leave it to autograd: a plain function of torch operations needs no backward. "
        f"Then test it: `torch.autograd.gradcheck({row.name}.apply, inputs.double().requires_grad_())`.",
        where=SourceLine.of(row),
        names=(row.name,),
        evidence=(
            Measure("relative error", row.error, f"<= {tolerance:g}"),
            Measure("norm of the backward", row.backward, f"about {row.numeric:.3g}"),
        ),
        severity=Severity.WARNING if mild else None,
        certain=not mild,
    )


def _note(row: GradientCheck, reason: str, tolerance: float) -> Finding:
    return Finding(
        title="A hand-written backward is another than the derivative, on purpose as it seems.",
        message=f"The backward of {row.name} is not the derivative of its forward with respect to argument "
        f"{row.input}, but {reason}: a straight-through, surrogate, reversed or clipped gradient.",
        advice="Nothing is to be done if that is meant.",
        where=SourceLine.of(row),
        names=(row.name,),
        evidence=(Measure("relative error", row.error, f"<= {tolerance:g}"),),
        severity=Severity.NOTE,
        explains=frozenset(),
    )
