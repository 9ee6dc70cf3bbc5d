"""R19 softmax-into-cross-entropy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Quote, Recording, Severity, SourceLine, check
from nndoctor.records import LossCall, SoftmaxCall
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, through, training_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

NORMALISING = ("Softmax", "Exp", "Div", "Sigmoid")
"""Backward nodes of what makes probabilities: softmax, exp(log_softmax), x / x.sum(), (p, 1 - p)."""


@check(
    "softmax-into-cross-entropy",
    reason="R19",
    severity=Severity.ERROR,
    needs=[LossCall],
    explains=BROKEN_LOSS_SYMPTOMS,
    treatments=["recover-logits"],
)
def softmax_into_cross_entropy(
    run: Recording,
    *,
    min_share: float = 0.9,  # "nearly all": a softmax that is there is there in every call
    min_calls: int = 3,  # needed only where the graph does not show where the probabilities come from
) -> Iterator[Finding]:
    """Cross-entropy gets probabilities where it expects logits.

    ## What it does
    Reports a call of `cross_entropy` whose input were probabilities (rows in [0, 1] that sum to 1, over at least two
    classes) in at least `min_share` of its training calls. The graph between the last layer and the loss tells whether
    a softmax made them; where it does not, this is a warning and needs `min_calls` calls. Log-probabilities are
    harmless here and not reported.

    ## Why is this bad?
    `cross_entropy` applies log_softmax itself. Softmax of a softmax can never be sure: with C classes the loss cannot
    fall below log(1 + (C - 1) / e), which is 1.46 for ten classes, and the gradient passes two flat functions instead
    of one. The network learns slowly and stops early, without any error.

    ## Example
    ```python
    loss = nn.functional.cross_entropy(torch.softmax(model(x), dim=1), y)
    ```

    Use instead:
    ```python
    loss = nn.functional.cross_entropy(model(x), y)
    ```

    ## Known problems
    Probabilities that are made in an unusual way are only seen by their values.

    ## References
    - [PyTorch, CrossEntropyLoss](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    - Andrej Karpathy's list of most common neural net mistakes, 2018: "you passed softmaxed outputs to a loss that
      expects raw logits"
    """
    for calls in training_calls(run, ("cross_entropy",)):
        hits = [c for c in calls if c.probabilities and not c.log_probabilities and c.classes >= 2]
        if not hits or len(hits) < min_share * len(calls):
            continue
        certain = through(hits, NORMALISING)
        if not certain and len(hits) < min_calls:
            continue
        yield _finding(run, hits, len(calls), certain=certain)


def _finding(run: Recording, hits: list[LossCall], calls: int, *, certain: bool) -> Finding:
    classes = hits[-1].classes
    floor = math.log1p((classes - 1) / math.e)
    softmax = _softmax(run, hits[-1])
    made = f" by `{softmax.name}`" if softmax is not None and softmax.name else ""
    lowest = min((c.value for c in hits if math.isfinite(c.value)), default=None)
    return Finding(
        message=f"{len(hits)} of {calls} training calls of cross_entropy got probabilities (rows in [0, 1] that sum to "
        f"1){made}, not logits: with {classes} classes the loss cannot fall below {floor:.3g}.",
        advice="Remove the softmax before the loss and give it the raw outputs, `cross_entropy(logits, y)`: it applies "
        "log_softmax itself. Take the softmax only where you need probabilities to show.",
        where=SourceLine.of(hits[-1]),
        names=(softmax.name,) if softmax is not None and softmax.name else (),
        evidence=(
            Measure("calls with probabilities", len(hits), "0"),
            *([Measure("lowest loss seen", lowest, f"0 is out of reach, {floor:.3g} is the lowest")] if lowest else []),
            *([Quote("softmax called at", f"{softmax.file}:{softmax.line}")] if softmax and softmax.file else []),
        ),
        severity=None if certain else Severity.WARNING,
        certain=certain,
    )


def _softmax(run: Recording, call: LossCall) -> SoftmaxCall | None:
    """Return the softmax whose output has the shape of the loss's input, if there is just one."""
    same = [
        s
        for s in run.rows(SoftmaxCall)
        if s.segment == call.segment and s.function == "softmax" and s.shape[1:] == call.input_shape[1:]
    ]
    return same[0] if len(same) == 1 else None
