"""R19 sigmoid-into-bce-with-logits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import LossCall
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, through, training_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

SQUASHING = ("Sigmoid", "Softmax")


@check(
    "sigmoid-into-bce-with-logits",
    reason="R19",
    severity=Severity.ERROR,
    needs=[LossCall],
    explains=BROKEN_LOSS_SYMPTOMS,
    treatments=["recover-logits"],
)
def sigmoid_into_bce_with_logits(
    run: Recording,
    *,
    min_calls: int = 10,  # without a sigmoid in the graph; an untrained network's logits may lie in [0, 1] for a while
) -> Iterator[Finding]:
    """Binary cross-entropy with logits gets probabilities.

    ## What it does
    Reports a call of `binary_cross_entropy_with_logits` whose input lay in [0, 1] in every training call and came out
    of a sigmoid or softmax after the last layer. If the graph shows neither, it takes `min_calls` calls and is a
    warning.

    ## Why is this bad?
    The loss applies a sigmoid itself. The sigmoid of a number in [0, 1] lies in [0.5, 0.73]: the network can say
    neither "surely no" (its loss on negatives never falls below 0.69) nor "surely yes" (0.31 on positives).

    ## Example
    ```python
    loss = nn.functional.binary_cross_entropy_with_logits(torch.sigmoid(model(x)), y)
    ```

    Use instead:
    ```python
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
    ```

    ## Known problems
    Logits that are clamped to [0, 1] on purpose are reported as a warning; their loss has the same limits.

    ## References
    - [PyTorch, BCEWithLogitsLoss](https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
    - Andrej Karpathy's list of most common neural net mistakes, 2018: "you passed softmaxed outputs to a loss that
      expects raw logits"
    """
    for calls in training_calls(run, ("binary_cross_entropy_with_logits",)):
        certain = through(calls, SQUASHING)
        # What carries no graph is no prediction: the arguments may have been swapped.
        if not all(c.unit_interval and c.requires_grad for c in calls) or not (certain or len(calls) >= min_calls):
            continue
        last = calls[-1]
        lowest = min((c.value for c in calls if math.isfinite(c.value)), default=None)
        yield Finding(
            message=f"All {len(calls)} training calls of binary_cross_entropy_with_logits got values in [0, 1]"
            + (", the output of a sigmoid" if certain else "")
            + ": taken as logits they mean 50 % to 73 %, so the loss on negatives cannot fall below 0.69.",
            advice="Remove the sigmoid before the loss and give it the raw outputs, or use `binary_cross_entropy` on "
            "the probabilities. For a decision then compare logits with 0, not with 0.5.",
            where=SourceLine.of(last),
            names=(last.module,) if last.module else (),
            evidence=(
                Measure("calls with values in [0, 1]", len(calls), "0"),
                *([] if lowest is None else [Measure("lowest loss seen", lowest, "near 0 for a network that learns")]),
            ),
            severity=None if certain else Severity.WARNING,
            certain=certain,
        )
