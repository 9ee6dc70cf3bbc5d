"""R25 causality-leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Causality, TokenTarget
from nndoctor_checks.observed import by_segment, observed
from nndoctor_checks.tokens import MOST_ROWS, judged

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "causality-leak",
    reason="R25",
    severity=Severity.ERROR,
    needs=[TokenTarget, Causality],
    explains=[],
)
def causality_leak(
    run: Recording,
    *,
    min_steps: int = 3,
    shifted: float = 0.999,  # of the targets that are not ignored; a task with other targets stays below
    constant: float = 0.9,  # where a token is nearly always followed by itself, the two cannot be told apart
) -> Iterator[Finding]:
    """A model that is to predict the next token can see it.

    ## What it does
    Where the targets are the input tokens moved on by one, exchanges the last token of every row, in eval mode, and
    compares the outputs before it. Reports a model in which they change: its output at a position depends on tokens
    after it.

    ## Why is this bad?
    The token to be predicted stands in the input at the next position. The network learns to fetch it from there: the
    loss falls to nearly zero, in training and in validation, and the model is of no use where the next token is not
    known yet.

    ## Example
    ```python
    out = nn.functional.scaled_dot_product_attention(q, k, v)
    ```

    Use instead:
    ```python
    out = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    ```

    ## Known problems
    Only models that read rows of integer tokens, the batch first, and put out something for each are asked.

    ## References
    - Ashish Vaswani and others, Attention Is All You Need, 2017: masking in the decoder
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019: use backprop to chart dependencies
    """
    found = by_segment(observed(run, TokenTarget))
    asked = False
    for segment, rows in found.items():
        models = judged(run, segment)
        asked = asked or bool(models)
        moved = [r for r in rows if r.shifted >= shifted and r.same < constant]
        leaks = [row for row in models if row.leaking >= MOST_ROWS]
        if len(moved) < min_steps or len(moved) < len(rows) or not leaks:
            continue
        worst = max(leaks, key=lambda row: row.leak)
        yield Finding(
            message=f"The targets are the input moved on by one, and the output of {worst.module} before the last of "
            f"{worst.length} positions changes with the last token (by {worst.leak:.2g} of its size): it sees what it "
            "is to predict.",
            advice="Mask the attention (`is_causal=True`, or a mask that is True above the diagonal), make recurrent "
            "layers one-directional, and pad convolutions on the left only.",
            where=SourceLine.of(worst),
            names=(worst.module,),
            evidence=(
                Measure("change of earlier outputs", worst.leak, "0"),
                Measure("rows in which they change", worst.leaking, "0"),
            ),
        )
    if not asked:
        raise Skip("no model with an output for each token could be asked")
