"""D rank-divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Rank, RankState
from nndoctor_checks.ranks import communicates, differing, in_parallel, ranks, sides

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("rank-divergence", reason="D", severity=Severity.ERROR, needs=[RankState, Rank])
def rank_divergence(run: Recording, *, min_steps: int = 3) -> Iterator[Finding]:
    """The processes hold different parameters.

    ## What it does
    Compares the norm of every trained parameter after each step between the ranks. Reports if in each of the last
    `min_steps` steps some differ by more than a thousandth. It is an error where a DistributedDataParallel was built
    or the script averages its gradients by itself, else a warning: processes that hold parts of one model (tensor
    parallelism) differ rightly.

    ## Why is this bad?
    Gradients are averaged for one model. Applied to models that differ, the average is the gradient of none of them,
    and what is saved in the end is the model of one process.

    ## Example
    ```python
    torch.manual_seed(rank)
    model = Net()
    ```

    Use instead:
    ```python
    torch.manual_seed(0)
    model = Net()
    torch.manual_seed(rank)  # for augmentation and dropout
    ```

    ## Known problems
    Differences that leave the norm of every parameter as it is cannot be seen. Buffers, as of BatchNorm, are not
    compared: they differ rightly.

    ## References
    - [PyTorch: DistributedDataParallel](https://pytorch.org/docs/stable/notes/ddp.html)
    """
    rows = ranks(run)
    steps = [side for side in sides(run) if side.one.weights and side.other.weights]
    last = sorted({side.step for side in steps})[-min_steps:]
    if len(last) < min_steps:
        raise Skip(f"fewer than {min_steps} steps of two ranks were recorded")
    apart = [(side, differing(side.one.weights, side.other.weights)) for side in steps if side.step in last]
    if {side.step for side, positions in apart if positions} != set(last):
        return
    positions = sorted(set().union(*(found for _, found in apart)))
    names = [rows[0].names[p] for p in positions if p < len(rows[0].names)]
    from_start = any(side.step == 0 and differing(side.one.weights, side.other.weights) for side in steps)
    meant_alike = in_parallel(rows) or any(communicates(row, len(steps)) for row in rows)
    yield Finding(
        message=f"{len(names)} of {len(rows[0].names)} parameters differed between the ranks in each of the last "
        f"{len(last)} steps{', as they did after the first one' if from_start else ', but not after the first one'}.",
        where=SourceLine.of(rows[0]),
        names=tuple(names[:8]),
        advice="Wrap the model in a DistributedDataParallel, which sends the parameters of rank 0 to all when it is "
        "built, or begin with the same seed on every rank."
        if from_start
        else "Look for what changes parameters outside of the averaged gradients: clipping, re-initialising, a rate or "
        "a condition that depends on the rank.",
        severity=None if meant_alike else Severity.WARNING,
        certain=meant_alike,
        evidence=(Measure("parameters that differ", len(names), "0"),),
    )
