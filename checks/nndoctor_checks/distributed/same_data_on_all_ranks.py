"""D same-data-on-all-ranks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import TRAIN, Loader, Rank, RankBatch, SamplerPass
from nndoctor_checks.ranks import in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("same-data-on-all-ranks", reason="D", severity=Severity.ERROR, needs=[RankBatch, Rank])
def same_data_on_all_ranks(run: Recording, *, min_share: float = 0.9, min_steps: int = 3) -> Iterator[Finding]:
    """All processes train on the same batches.

    ## What it does
    Compares a hash of the batch of every rank step by step. Reports if in at least `min_share` of the steps, and in
    `min_steps` of them, all ranks got exactly the same inputs although the batches change from step to step. It is an
    error where a DistributedDataParallel averages the gradients, else a warning: ranks that share one model (tensor or
    pipeline parallelism) rightly see the same data.

    ## Why is this bad?
    The average of equal gradients is the gradient of one process: the others only cost. The effective batch is as big
    as on one device, and an epoch takes as long.

    ## Example
    ```python
    loader = DataLoader(data, batch_size=64, shuffle=True)
    ```

    Use instead:
    ```python
    sampler = DistributedSampler(data, shuffle=True)
    loader = DataLoader(data, batch_size=64, sampler=sampler)
    ```

    ## Known problems
    Ranks that shuffle the whole data set with different seeds see different batches and pass, although each of them
    goes through all of the data. Loops that train on one batch only (a full batch) are skipped.

    ## References
    - [PyTorch: DistributedSampler](https://pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler)
    """
    steps: defaultdict[tuple[int, int], dict[int, str]] = defaultdict(dict)
    for row in run.rows(RankBatch):
        steps[row.segment, row.step][row.rank] = row.content
    together = [by_rank for by_rank in steps.values() if len(by_rank) > 1]
    if len(together) < min_steps:
        raise Skip(f"fewer than {min_steps} steps of more than one rank were recorded")
    if len({content for by_rank in together for content in by_rank.values()}) < 2:
        raise Skip("every step trains on the same batch")
    same = sum(len(set(by_rank.values())) == 1 for by_rank in together)
    if same < min_steps or not same / len(together) >= min_share:
        return
    rows = run.rows(Rank)
    loader = next((row for row in run.rows(Loader) if row.split == TRAIN), None)
    sampled = any(row.replicas > 1 for row in run.rows(SamplerPass))
    count = len(set().union(*together))
    yield Finding(
        message=f"In {same} of {len(together)} steps all {count} ranks trained on the same batch.",
        where=SourceLine.of(loader) if loader is not None else None,
        advice="Give each `DistributedSampler` its own `rank`, as torch.distributed numbers the processes."
        if sampled
        else "Give the loader a `DistributedSampler(data)` in place of `shuffle=True`.",
        severity=None if in_parallel(rows) else Severity.WARNING,
        certain=in_parallel(rows),
        evidence=(Measure("share of steps with one batch on all ranks", same / len(together), f"{min_share:g}"),),
    )
