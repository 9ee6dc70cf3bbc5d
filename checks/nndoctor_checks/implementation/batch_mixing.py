"""R25 batch-mixing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Forwards, Independence, LossCall, Module
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_NORMS = ("BatchNorm", "SyncBatchNorm", "LazyBatchNorm")


@check(
    "batch-mixing",
    reason="R25",
    severity=Severity.ERROR,
    needs=[Independence],
    explains=BROKEN_LOSS_SYMPTOMS,
)
def batch_mixing(
    run: Recording,
    *,
    min_leak: float = 1e-4,  # of the sample's own change; other sums in a matrix product differ by some 1e-6
    noise: float = 1e-5,  # relative change of another sample's output that is always taken for rounding
) -> Iterator[Finding]:
    """The output for one sample depends on the other samples of the batch.

    ## What it does
    In eval mode one sample of a batch was changed. Reports a model in which outputs of other samples changed with it,
    by more than `min_leak` of the sample's own change. Rows that come out sorted are put back first if the model also
    returns the order, or the labels in that order. In a square of similarities (CLIP's logits) the column of the sample
    that was changed is left out. It is a warning if the first dimension is not certainly the batch
    (no DataLoader collated it), if the model also takes inputs without a batch dimension (graphs), if it compares all
    samples on purpose (a square of similarities), or if it has BatchNorm without running statistics, or BatchNorm
    outside of the model that `model.eval()` does not reach.

    ## Why is this bad?
    Samples are independent, so a prediction must not depend on its neighbours in the batch. If it does, a `view`,
    `reshape` or `permute` has mixed the dimensions, or a recurrent layer or attention runs along the batch because
    `batch_first=True` is missing. The shapes still fit, the loss even falls a little, and next to nothing is learnt.

    ## Example
    ```python
    h = self.conv(x).permute(2, 0, 1).reshape(batch, -1)
    ```

    Use instead:
    ```python
    h = self.conv(x).flatten(1)
    ```

    ## Known problems
    Attention between samples, and experts of limited capacity, let samples interact on purpose.

    ## References
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019: "use backprop to chart dependencies"
    """
    judged = [row for row in run.rows(Independence) if not row.why and row.mixed >= 0]
    if not judged:
        why = next((row.why for row in run.rows(Independence) if row.why), "")
        raise Skip(f"the model could not be called again: {why}" if why else "the output has no batch dimension")
    for row in judged:
        moved = row.moved if row.moved > 0 else 0.0
        if not (row.mixed > 0 and row.leak > max(noise, min_leak * moved)):
            continue
        certain = row.from_loader and not (
            row.graph_like or _contrastive(run, row) or _norm_without_statistics(run, row)
        )
        mixed = min(1.0, row.mixed)
        size = f", by up to {row.leak:.2g} of its size" if math.isfinite(row.leak) else ""
        yield Finding(
            message=f"Changing one of {row.batch_size} samples changed the output of {mixed:.0%} of the others in "
            f"`{row.module}`{size}.",
            advice="Follow the shapes through forward: look for `view`/`reshape` after `permute`/`transpose`, and for "
            "`nn.LSTM`, `nn.GRU` or attention without `batch_first=True`.",
            where=SourceLine.of(row),
            names=(row.module,),
            evidence=(
                Measure("share of the other samples that changed", mixed, "0"),
                *([Measure("largest change of another sample", row.leak, f"<= {noise:g}")] if size else []),
            ),
            severity=None if certain else Severity.NOTE if row.graph_like else Severity.WARNING,
            certain=certain,
        )


def _contrastive(run: Recording, row: Independence) -> bool:
    """Whether the loss looks at a square of similarities between the samples of a batch."""
    return any(
        c.segment == row.segment and len(c.input_shape) == 2 and c.input_shape[0] == c.input_shape[1] == c.classes
        for c in run.rows(LossCall)
    )


def _norm_without_statistics(run: Recording, row: Independence) -> bool:
    """Whether a BatchNorm is in use that takes the batch's own statistics in eval mode too."""
    kept = {f.module for f in run.rows(Forwards) if f.segment == row.segment}
    return any(
        m.segment == row.segment
        and m.type.startswith(BATCH_NORMS)
        and m.calls > 0
        and (m.name not in kept or not m.registered)
        for m in run.rows(Module)
    )
