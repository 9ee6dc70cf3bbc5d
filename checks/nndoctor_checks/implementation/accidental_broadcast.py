"""R25 accidental-broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Broadcast, LossCall, Step

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "accidental-broadcast",
    reason="R25",
    severity=Severity.WARNING,
    needs=[Step],
    explains=[
        "batch-mixing",
        "cannot-overfit-batch",
        "collapsed-predictions",
        "fails-on-solvable-data",
        "metric-at-chance",
    ],
)
def accidental_broadcast(
    run: Recording,
    *,
    min_count: int = 3,  # sampled steps in which it happened
) -> Iterator[Finding]:
    """A column and a vector are combined, which gives a table of all pairs of samples.

    ## What it does
    Reports an addition, difference, product or quotient, in the model or the loss, of a tensor of shape (N, 1) and one
    of shape (N,), where N is the batch size and the column came in this shape from a layer or from the loader. If the
    dimension was inserted (`x[:, None]`, `unsqueeze`, `view`) or kept by a sum, all pairs are meant.

    ## Why is this bad?
    The result is N x N: entry (i, j) joins sample i with sample j. A mean over it runs without complaint. Weights of
    samples then weigh nothing, because each meets every loss, and an advantage is that of other states.

    ## Example
    ```python
    loss = (F.cross_entropy(logits, y, reduction="none") * weight).mean()  # (N,) * (N, 1)
    ```

    Use instead:
    ```python
    loss = (F.cross_entropy(logits, y, reduction="none") * weight.squeeze(1)).mean()
    ```

    ## Known problems
    Only this pair of shapes is looked for. All pairs written with a column straight from a layer (`score - other`) are
    reported though they may be meant; insert the dimension where it is needed and nothing is said. Prediction against
    target is the business of loss-broadcast.

    ## References
    - [PyTorch, Broadcasting semantics](https://pytorch.org/docs/stable/notes/broadcasting.html)
    """
    losses = {(c.file, c.line) for c in run.rows(LossCall) if c.written_by_hand and c.function == "sub"}
    for row in run.rows(Broadcast):
        if row.count < min_count or (row.file, row.line) in losses:
            continue
        size = row.vector[0] if row.vector else 0
        whence = "a layer" if row.source == "layer" else f"leaf {row.source} of the batch"
        inside = f" in {row.module}" if row.module else ""
        yield Finding(
            message=f"`{row.operation}`{inside} combines a column of shape {row.column} from {whence} with a vector of "
            f"shape {row.vector}: the result is {size} x {size}, each sample with every other one.",
            advice="Take the column's last dimension away before: `column.squeeze(1)`. If all pairs are meant, write "
            "`column.squeeze(1)[:, None]`, which says so.",
            where=SourceLine.of(row),
            names=(row.module,) if row.module else (),
            evidence=(Measure("values in the result", size * size, f"{size}"),),
        )
