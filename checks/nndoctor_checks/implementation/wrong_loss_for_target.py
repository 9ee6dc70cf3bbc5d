"""R19 wrong-loss-for-target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Batch, LossCall, Step
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, training_calls
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
Fault = tuple[str, str, Measure]
CLASSES = "Give the network one output for each class and use `cross_entropy(logits, labels.long())`."


@check(
    "wrong-loss-for-target",
    reason="R19",
    severity=Severity.ERROR,
    needs=[LossCall],
    explains=[*BROKEN_LOSS_SYMPTOMS, "initial-loss", "no-gradient", "parameters-not-updating"],
)
def wrong_loss_for_target(
    run: Recording,
    *,
    min_share: float = 0.9,  # of a place's calls; what is wrong with the kind of target is wrong in every call
    positive: float = 1e-3,  # log-probabilities are never above 0 by more than rounding
    most_classes: int = 20,  # whole numbers up to more than that are counts or measurements
) -> Iterator[Finding]:
    """The loss function does not fit the targets that it is given.

    ## What it does
    Reports a cross-entropy over a single output column (its loss is always 0), a cross-entropy whose input lost its
    class dimension and is normalised over the batch, a `kl_div` whose input has values above 0 and so is not
    log-probabilities, and a binary cross-entropy whose targets are whole numbers outside of 0 and 1. It is a warning if
    a regression loss gets integer class labels 0, 1, 2, ...

    ## Why is this bad?
    The loss has its lowest value somewhere else than at the right answer, or has no lowest value at all: a softmax over
    one column is 1 whatever the network says, binary cross-entropy with a target of 2 falls without end.

    ## Example
    ```python
    model = nn.Linear(30, 1)
    loss = nn.functional.cross_entropy(model(x), y.float().unsqueeze(1))
    ```

    Use instead:
    ```python
    model = nn.Linear(30, 1)
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y.float().unsqueeze(1))
    ```

    ## Known problems
    Whether whole numbers are classes or an ordered quantity (a rating) cannot be seen, hence only a warning.

    ## References
    - [PyTorch, CrossEntropyLoss](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    - [PyTorch, KLDivLoss](https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html)
    """
    sizes = {(s.segment, s.step): s.batch_size for s in observed(run, Step)}
    for calls in training_calls(run):
        judged = [(c, found) for c in calls if (found := _fault(c, sizes, positive)) is not None]
        if judged and len(judged) >= min_share * len(calls):
            call, (message, advice, measure) = judged[-1]
            yield Finding(
                message=f"{message}, in {len(judged)} of {len(calls)} calls.",
                advice=advice,
                where=SourceLine.of(call),
                names=(call.module,) if call.module else (),
                evidence=(measure,),
            )
        elif _indices(run, calls, most_classes):
            call = calls[-1]
            top = max(c.target_max for c in calls)
            yield Finding(
                message=f"{call.function} gets class labels from 0 to {top:.0f} as if they were amounts: a 1 for a "
                f"{top:.0f} costs {(top - 1) ** 2:.0f} times a 1 for a 2.",
                advice=f"If they are classes: {CLASSES[0].lower()}{CLASSES[1:]} If they are amounts, all is well.",
                where=SourceLine.of(call),
                evidence=(Measure("different labels", top + 1, "an amount, not the number of a class"),),
                severity=Severity.WARNING,
                certain=False,
            )


def _fault(call: LossCall, sizes: dict[tuple[int, int], int], positive: float) -> Fault | None:
    """Return message, advice and number of a loss that cannot be right, None for others."""
    if call.function == "cross_entropy":
        return _cross_entropy(call, sizes.get((call.segment, call.step), 0))
    if call.function == "kl_div" and positive < call.input_max < math.inf:
        what = "probabilities" if call.unit_interval else "values"
        return (
            f"kl_div gets {what} up to {call.input_max:.3g} as input, where it expects log-probabilities",
            "Give it `log_softmax(logits, dim=-1)` first and the target's probabilities second.",
            Measure("largest input", call.input_max, "<= 0"),
        )
    plain = call.reduction != "none" and not call.weighted  # else what is missing may be masked afterwards
    outside = 2 <= call.target_max < math.inf or -math.inf < call.target_min <= -1
    if call.function in BINARY and plain and call.target_integral and outside:
        worst = call.target_max if call.target_max >= 2 else call.target_min
        return (
            f"{call.function} gets {worst:.0f} as target; it knows 0 and 1",
            "Map two labels to 0.0 and 1.0. For more than two classes: " + CLASSES,
            Measure("target", worst, "from 0 to 1"),
        )
    return None


def _cross_entropy(call: LossCall, size: int) -> Fault | None:
    one = call.input_shape
    advice = f"For two classes use `binary_cross_entropy_with_logits(output, y.float())`. For more: {CLASSES}"
    if len(one) >= 2 and one[1] == 1:
        message = f"cross_entropy gets one output column (shape {one}): its softmax is 1, its loss always the same"
        return message, advice, Measure("output columns", 1, ">= 2, one for each class")
    if len(one) == 1 and one == call.target_shape and one[0] == size > 1 and call.target_integral:
        message = f"cross_entropy gets one number for each of {size} samples: its softmax runs over the batch"
        return message, advice, Measure("dimensions of the output", 1, "2: samples and classes")
    return None


def _indices(run: Recording, calls: Sequence[LossCall], most: int) -> bool:
    """Whether a regression's targets are whole numbers from 0 that came as integers, one for each sample."""
    if calls[-1].function not in REGRESSION or not all(c.target_integral and not c.target_is_input for c in calls):
        return False
    top = max(c.target_max for c in calls)
    if not (min(c.target_min for c in calls) == 0 and 2 <= top < most and len(calls) >= 3):
        return False
    whole = [
        b
        for b in observed(run, Batch)
        if b.segment == calls[-1].segment and b.role == "target" and b.dtype.startswith(("int", "uint"))
    ]
    return bool(whole) and max((b.max for b in whole if math.isfinite(b.max)), default=math.nan) == top
