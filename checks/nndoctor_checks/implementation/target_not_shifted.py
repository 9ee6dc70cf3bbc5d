"""R18 target-not-shifted."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import TokenTarget
from nndoctor_checks.observed import by_segment, observed
from nndoctor_checks.tokens import looks_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "target-not-shifted",
    reason="R18",
    severity=Severity.ERROR,
    needs=[TokenTarget],
    explains=["learning-rate-too-high"],
)
def target_not_shifted(
    run: Recording,
    *,
    min_steps: int = 3,
    equal: float = 0.999,  # a masked model's targets differ from its input where it is masked
    constant: float = 0.9,  # a text of which the next token is nearly always the same has nothing to shift
) -> Iterator[Finding]:
    """The target at each position is the very token that the model reads there.

    ## What it does
    Compares the tokens that a model is called with to the targets of its cross-entropy, position by position. It is an
    error if they are equal everywhere in all sampled steps and the model cannot look ahead (exchanging the last token
    changes no earlier output), for such a model is meant to predict the next token. A warning if the model could not
    be asked. Models that see the whole text are left alone: for an autoencoder the target is the input.

    ## Why is this bad?
    The answer stands in the input, and the network learns to copy. The loss falls to nearly zero in no time, in
    training and in validation; the text that it writes is one token, over and over.

    ## Example
    ```python
    logits = model(tokens)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())
    ```

    Use instead:
    ```python
    logits = model(tokens[:, :-1])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    ```

    ## Known problems
    Only rows of integer tokens with the batch first are compared; forecasts of numbers are not.

    ## References
    - Alec Radford and others, Improving Language Understanding by Generative Pre-Training, 2018: the next token is the
      target
    - Andrej Karpathy, Let's build GPT: from scratch, in code, spelled out, 2023
    """
    for segment, rows in by_segment(observed(run, TokenTarget)).items():
        copied = [row for row in rows if row.same >= equal and row.shifted < constant and row.kept > 0.5]
        if len(copied) < min_steps or len(copied) < len(rows):
            continue
        ahead = looks_ahead(run, segment)
        if ahead:
            continue
        positions = sum(row.positions for row in copied)
        yield Finding(
            message=f"In all {len(copied)} sampled steps the target at each of {positions} positions is the token "
            "that the model reads at that position: it learns to copy, not to predict the next one.",
            advice="Shift them against each other: `model(tokens[:, :-1])` against `tokens[:, 1:]`.",
            where=SourceLine.of(copied[-1]),
            evidence=(
                Measure("targets equal to the token at their place", fmean(r.same for r in copied), "next to none"),
                Measure("targets equal to the next token", fmean(r.shifted for r in copied), "1"),
            ),
            severity=Severity.WARNING if ahead is None else None,
            certain=ahead is not None,
        )
