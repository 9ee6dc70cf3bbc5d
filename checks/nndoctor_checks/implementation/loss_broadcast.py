"""R19 loss-broadcast."""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import LossCall
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, training_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = (
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "poisson_nll_loss",
)
DIFFERENCES = ("sub", "rsub", "__sub__", "__rsub__")
"""Of the hand-written operations only these: weights and masks are multiplied with broadcasting on purpose."""


@check(
    "loss-broadcast",
    reason="R19",
    severity=Severity.ERROR,
    needs=[LossCall],
    explains=[*BROKEN_LOSS_SYMPTOMS, "accidental-broadcast"],
    treatments=["reshape-target"],
)
def loss_broadcast(
    run: Recording,
    *,
    min_share: float = 0.5,  # of a place's calls; the last batch of an epoch may have a single sample
) -> Iterator[Finding]:
    """Prediction and target have different shapes and broadcast against each other.

    ## What it does
    Compares the shapes of prediction and target in element-wise losses and in hand-written differences. It is an error
    if they have different numbers of dimensions and the result is larger than either, as for (N, 1) against (N,), which
    gives N x N. It is a warning if only one of the two was stretched over more than a missing batch dimension.

    ## Why is this bad?
    Every prediction is compared with every target of the batch, so the best the network can do is to predict the
    targets' mean for all samples. The loss falls and then stays at the variance.

    ## Example
    ```python
    loss = nn.functional.mse_loss(model(x), y)  # (32, 1) and (32,)
    ```

    Use instead:
    ```python
    loss = nn.functional.mse_loss(model(x).squeeze(1), y)
    ```

    ## Known problems
    All-pairs differences are left alone if both sides show their inserted dimension (`a[:, None] - b[None, :]`); with
    an implicit one, `a[:, None] - b`, they look like the mistake.

    ## References
    - [PyTorch, Broadcasting semantics](https://pytorch.org/docs/stable/notes/broadcasting.html)
    """
    for calls in training_calls(run):
        judged = [(c, severity) for c in calls if (severity := _verdict(c)) is not None]
        if not judged or len(judged) < min_share * len(calls):
            continue
        call, severity = judged[-1]
        result = _broadcast(call.input_shape, call.target_shape) or ()
        what = "prediction - target" if call.written_by_hand else call.function
        yield Finding(
            message=f"{what} compares a prediction of shape {call.input_shape} with a target of shape "
            f"{call.target_shape}; broadcasting makes that {math.prod(result)} pairs of shape {result}.",
            advice="Give both the same shape: `prediction.squeeze(-1)` or `target.view_as(prediction)`, and assert "
            "`prediction.shape == target.shape` before the loss.",
            where=SourceLine.of(call),
            names=(call.module,) if call.module else (),
            evidence=(
                Measure("elements compared", math.prod(result), f"{math.prod(call.target_shape)}, one for each target"),
                Measure("calls with unequal shapes", len(judged), "0"),
            ),
            severity=None if severity is Severity.ERROR else severity,
            certain=severity is Severity.ERROR,
        )


def _verdict(call: LossCall) -> Severity | None:
    """Return how bad this pair of shapes is, None if it is fine."""
    if call.function not in (DIFFERENCES if call.written_by_hand else FUNCTIONS):
        return None
    one, other = call.input_shape, call.target_shape
    result = _broadcast(one, other)
    if result is None or min(math.prod(one), math.prod(other)) < 2:
        return None  # a single target for all (LSGAN's 1.0) is meant so
    if math.prod(result) > max(math.prod(one), math.prod(other)):
        if call.written_by_hand:
            return Severity.ERROR if _forgotten_column(one, other) else None
        if len(one) != len(other):
            return Severity.ERROR
        return None if call.reduction == "none" else Severity.WARNING  # quantile regression compares all pairs
    stretched = one != other and math.prod(one) != math.prod(other)
    same_batch = bool(one and other) and one[0] == other[0]
    return Severity.WARNING if stretched and same_batch and not call.written_by_hand else None


def _forgotten_column(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether one shape is the other with ones at its end: (N, 1) and (N,), but not (N, 1, D) and (M, D)."""
    short, long = sorted((one, other), key=len)
    return len(short) < len(long) and long == short + (1,) * (len(long) - len(short))


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of an element-wise result, None if the shapes do not fit."""
    sizes: list[int] = []
    for a, b in zip_longest(reversed(one), reversed(other), fillvalue=1):
        if a != b and 1 not in (a, b):
            return None
        sizes.append(b if a == 1 else a)
    return tuple(reversed(sizes))
