"""R19 logits-into-nll."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, curve
from nndoctor.records import LossCall
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, through, training_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGARITHMS = ("LogSoftmax", "LogSigmoid", "Logsumexp", "Log")
"""Backward nodes of logarithms: what is built on one was meant as a log-probability (focal loss, masks)."""


@check(
    "logits-into-nll",
    reason="R19",
    severity=Severity.ERROR,
    needs=[LossCall],
    explains=[*BROKEN_LOSS_SYMPTOMS, "exploding-gradient", "initial-loss", "learning-rate-too-high", "non-finite"],
    treatments=["recover-logits"],
)
def logits_into_nll(
    run: Recording,
    *,
    min_share: float = 0.9,  # "nearly all": a log_softmax that is missing is missing in every call
) -> Iterator[Finding]:
    """The negative log-likelihood gets something that is not log-probabilities.

    ## What it does
    Reports a call of `nll_loss` or `ctc_loss` whose input were not log-probabilities (the exponentials over the classes
    do not sum to 1) in at least `min_share` of its training calls. Inputs built on a logarithm of the outputs (a focal
    loss, a mask) are left alone. Where the graph is not known and the loss was never negative, this is a warning.

    ## Why is this bad?
    `nll_loss` only picks the target's entry and changes its sign. On raw logits the loss has no lower end: the network
    lowers it for ever by making all outputs larger, those of the wrong classes too, until they overflow. On
    probabilities it has the gradient of the accuracy, which is flat where the network is wrong. `ctc_loss` adds up
    paths as if their probabilities summed to 1; its gradient is that of the log-softmax, which is then missing.

    ## Example
    ```python
    loss = nn.functional.nll_loss(model(x), y)
    ```

    Use instead:
    ```python
    loss = nn.functional.cross_entropy(model(x), y)
    ```

    ## Known problems
    `nll_loss` used on purpose to pick entries of a score matrix looks the same.

    ## References
    - [PyTorch, NLLLoss](https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html)
    - [PyTorch, CTCLoss](https://pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html): "The logarithmized
      probabilities of the outputs (e.g. obtained with `log_softmax`)"
    - Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems, ICSE 2020
    """
    for calls in training_calls(run, ("nll_loss", "ctc_loss")):
        hits = [c for c in calls if not c.log_probabilities]
        if not hits or len(hits) < min_share * len(calls) or through(hits, LOGARITHMS):
            continue
        probabilities = sum(c.probabilities for c in hits) > len(hits) / 2
        negative = any(c.value < 0 for c in hits)
        certain = negative or probabilities or any(c.graph for c in hits)
        values = [c.value for c in hits if math.isfinite(c.value)]
        got = "probabilities" if probabilities else "raw outputs"
        name, picks = hits[-1].function, hits[-1].function == "nll_loss"
        yield Finding(
            message=f"{len(hits)} of {len(calls)} training calls of {name} got {got}, not log-probabilities"
            + (f"; the loss fell to {min(values):.3g}." if values and min(values) < 0 else "."),
            advice="Apply `log_softmax(logits, dim=-1)` to the outputs of the network, once, before `ctc_loss`."
            if not picks
            else "Take the logarithm of the probabilities: use `log_softmax(logits, dim=1)` in the place of softmax, "
            "or `cross_entropy(logits, y)` in the place of both."
            if probabilities
            else "Use `cross_entropy(logits, y)`, or apply `log_softmax(logits, dim=1)` before `nll_loss`.",
            where=SourceLine.of(hits[-1]),
            evidence=(
                Measure("calls without log-probabilities", len(hits), "0"),
                curve(name, [c.step for c in hits], [c.value for c in hits]),
            ),
            severity=None if certain else Severity.WARNING,
            certain=certain,
            treatments=None if picks else (),
        )
