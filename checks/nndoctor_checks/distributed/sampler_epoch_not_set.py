"""D sampler-epoch-not-set."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import TRAIN, Loader, SamplerPass

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("sampler-epoch-not-set", reason="D", severity=Severity.ERROR, needs=[SamplerPass])
def sampler_epoch_not_set(run: Recording, *, min_passes: int = 2) -> Iterator[Finding]:
    """Every epoch goes through the data in the same order: the sampler is never told the epoch.

    ## What it does
    Notes the epoch of a shuffling DistributedSampler each time that the script begins a pass over a training loader.
    Reports if at least `min_passes` passes began and all with the same epoch.

    ## Why is this bad?
    A DistributedSampler shuffles by its seed and its epoch, so that all ranks agree on the order. With the same epoch
    each time, each rank sees the same batches in the same order for ever, and never the data of the others.

    ## Example
    ```python
    for epoch in range(epochs):
        for images, labels in loader:
            step(images, labels)
    ```

    Use instead:
    ```python
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for images, labels in loader:
            step(images, labels)
    ```

    ## Known problems
    A script that trains for one epoch only has nothing to set, and is not seen beginning a second pass.

    ## References
    - [PyTorch: DistributedSampler](https://pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler)
    """
    training = {row.name for row in run.rows(Loader) if row.split == TRAIN}
    passes: defaultdict[str, list[SamplerPass]] = defaultdict(list)
    for row in run.rows(SamplerPass):
        if row.rank == 0 and row.shuffle and row.replicas > 1 and row.loader in training:
            passes[row.loader].append(row)
    for rows in passes.values():
        epochs = {row.epoch for row in rows}
        if len(rows) < min_passes or len(epochs) > 1:
            continue
        yield Finding(
            message=f"All {len(rows)} passes over the training data began with epoch {rows[0].epoch} of the "
            f"{rows[0].sampler}, which therefore gives the same order each time.",
            where=SourceLine.of(rows[-1]),
            advice="Call `sampler.set_epoch(epoch)` at the beginning of each epoch.",
            evidence=(Measure("different epochs of the sampler", 1, f"{len(rows)} passes"),),
        )
