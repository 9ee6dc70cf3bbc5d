"""R25 softmax-wrong-dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import SoftmaxCall
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "softmax-wrong-dim",
    reason="R25",
    severity=Severity.ERROR,
    needs=[SoftmaxCall],
    explains=[*BROKEN_LOSS_SYMPTOMS, "batch-mixing", "initial-loss", "logits-into-nll"],
    treatments=["softmax-over-classes"],
)
def softmax_wrong_dim(
    run: Recording,
    *,
    min_batch: int = 2,  # over a single sample a softmax gives 1; another check's business
) -> Iterator[Finding]:
    """A softmax runs over the samples of the batch.

    ## What it does
    Reports a softmax or log_softmax over the dimension that holds the samples, of a tensor with at least two
    dimensions. A warning if the batch does not come from a DataLoader. A square of similarities between samples
    (contrastive learning normalises both ways) is left alone, and so is a single vector of weights.

    ## Why is this bad?
    The probabilities of one sample then do not sum to 1; those of one class over the batch do. The samples compete with
    each other, the prediction for one depends on its neighbours, and in validation, with another batch size, on theirs.
    Attention with this fault cannot choose between its positions.

    ## Example
    ```python
    weights = torch.softmax(scores, dim=0)
    ```

    Use instead:
    ```python
    weights = torch.softmax(scores, dim=1)
    ```

    ## Known problems
    Weights over the samples of a batch that are kept as a column, (N, 1), are reported although they may be meant.

    ## References
    - [PyTorch, softmax](https://pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html)
    """
    for row in run.rows(SoftmaxCall):
        if not (0 <= row.dim == row.batch_dim < len(row.shape)) or len(row.shape) < 2:
            continue
        size = row.shape[row.dim]
        if size < min_batch or row.batch_size not in (0, size):
            continue  # not as long as the batch after all
        if any(other == size for i, other in enumerate(row.shape) if i != row.dim) and len(row.shape) == 2:
            continue
        name = row.name or row.function
        right = "1" if len(row.shape) == 2 else "-1"
        yield Finding(
            message=f"`{name}` normalises over dimension {row.dim} of a tensor of shape {row.shape}: that dimension "
            f"holds the {size} samples of the batch.",
            advice=f"Normalise over the classes or positions of one sample, most likely `dim={right}`.",
            where=SourceLine.of(row),
            names=(row.name,) if row.name else (),
            evidence=(
                Measure("dimension", row.dim, right),
                Measure("calls", row.count),
            ),
            severity=None if row.batch_from_loader else Severity.WARNING,
            certain=row.batch_from_loader,
        )
