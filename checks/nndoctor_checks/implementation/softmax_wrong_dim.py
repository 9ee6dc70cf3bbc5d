"""R25 softmax-wrong-dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.backward_nodes import head
from nndoctor.records import LossCall, SoftmaxCall
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, training_calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LAYOUT = ("View", "UnsafeView", "Reshape", "Transpose", "Permute", "TBackward", "Squeeze", "Unsqueeze", "Clone")
"""How the backward nodes begin of what changes the layout of a tensor, and no value."""


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
    """A softmax runs over the wrong dimension: the samples of the batch, or one that is not summed over.

    ## What it does
    Reports a softmax or log_softmax over the dimension that holds the samples, of a tensor with at least two
    dimensions. A warning if the batch does not come from a DataLoader. A square of similarities between samples
    (contrastive learning normalises both ways) is left alone, and so is a single vector of weights. Where the samples
    stand in several dimensions, or were joined with the positions of a sequence, it is reported if what a log_softmax
    returned went straight into `nll_loss` and the probabilities of the classes did not sum to 1 there. Attention is a
    warning if its weights, made of a product of queries and keys, enter the product with the values as they are and sum
    to 1 over another dimension than that product sums over. Other matrices that were normalised (transitions, topics)
    may spread what they are given instead, and are left alone.

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
    Attention in which the keys choose among the queries (slots that compete) is reported if it is not normalised again
    over what is summed.

    ## References
    - [PyTorch, softmax](https://pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html)
    """
    over_the_batch = [row for row in run.rows(SoftmaxCall) if _over_the_batch(row, min_batch)]
    for row in over_the_batch:
        size, name = row.shape[row.dim], row.name or row.function
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
    if not over_the_batch:
        yield from _not_over_classes(run)
    yield from _not_summed([row for row in run.rows(SoftmaxCall) if row not in over_the_batch])


def _over_the_batch(row: SoftmaxCall, min_batch: int) -> bool:
    if not (0 <= row.dim == row.batch_dim < len(row.shape)) or len(row.shape) < 2:
        return False
    size = row.shape[row.dim]
    return size >= min_batch and row.batch_size in (0, size) and not _square(row.shape)


def _square(shape: Sequence[int]) -> bool:
    """Whether all is compared with all: that is normalised both ways on purpose."""
    return len(shape) == 2 and shape[0] == shape[1]


def _not_over_classes(run: Recording) -> Iterator[Finding]:
    """Report a log_softmax whose result, as it was, is no distribution over the classes that `nll_loss` picks from."""
    for calls in training_calls(run, ("nll_loss",)):
        if any(c.log_probabilities or not _as_it_was(c) for c in calls):
            continue
        rows = [r for r in run.rows(SoftmaxCall) if r.segment == calls[0].segment and r.function == "log_softmax"]
        shape = calls[-1].input_shape
        row = next((r for r in rows if r.shape == shape and r.dim != 1), None)
        if row is None or len(shape) < 2 or min(shape[1], shape[row.dim]) < 2 or _square(shape):
            continue
        yield Finding(
            message=f"`{row.name or row.function}` normalises over dimension {row.dim} of a tensor of shape "
            f"{row.shape}, but `nll_loss` takes its classes from dimension 1: their probabilities do not sum to 1.",
            advice="Normalise over the classes: `dim=1`.",
            where=SourceLine.of(row),
            names=(row.name,) if row.name else (),
            evidence=(Measure("dimension", row.dim, "1"), Measure("calls", row.count)),
            certain=True,
        )


def _not_summed(rows: Sequence[SoftmaxCall]) -> Iterator[Finding]:
    """Report attention whose weights are normalised along another dimension than the sum of the values goes."""
    for row in rows:
        last = len(row.shape) - 1  # over which the left factor is summed
        if not row.scores or row.summed_dim != last or row.dim == last or row.function != "softmax":
            continue
        name = row.name or row.function
        yield Finding(
            message=f"`{name}` normalises over dimension {row.dim} of a tensor of shape {row.shape}, and the matrix "
            f"product that it enters sums over dimension {row.summed_dim}: the weights of one sum do not add up to 1.",
            advice="Normalise the weights over what they choose from, `dim=-1`: in attention, the keys.",
            where=SourceLine.of(row),
            names=(row.name,) if row.name else (),
            evidence=(Measure("dimension", row.dim, f"{row.summed_dim}"), Measure("calls", row.count)),
            severity=Severity.WARNING,
            treatments=(),
        )


def _as_it_was(call: LossCall) -> bool:
    """Whether the loss got what a log_softmax returned, at most in another layout."""
    node = next((n for n in head(call.graph) if not n.startswith(LAYOUT)), "")
    return node.startswith("LogSoftmax")
