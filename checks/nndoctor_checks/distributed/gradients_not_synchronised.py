"""D gradients-not-synchronised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Rank, RankState
from nndoctor_checks.ranks import communicates, differing, in_parallel, ranks, sides

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "gradients-not-synchronised",
    reason="D",
    severity=Severity.ERROR,
    needs=[RankState, Rank],
    explains=["rank-divergence"],
)
def gradients_not_synchronised(run: Recording, *, min_share: float = 0.9, min_steps: int = 3) -> Iterator[Finding]:
    """The processes do not average their gradients: each trains a model of its own.

    ## What it does
    Compares the norm of every gradient right before the optimizer's step between the ranks. Reports if in at least
    `min_share` of the steps, and in `min_steps` of them, some differ by more than a thousandth. It is an error where a
    DistributedDataParallel was built, or where nothing was sent between the processes although they began with the
    same parameters; else a warning, since some methods average the parameters and only now and then.

    ## Why is this bad?
    Every process walks off on its own share of the data. What is saved in the end is the model of rank 0, which has
    seen a fraction of it.

    ## Example
    ```python
    model = DistributedDataParallel(net)
    loss = criterion(model.module(images), labels)  # passes by the wrapper that averages
    ```

    Use instead:
    ```python
    model = DistributedDataParallel(net)
    loss = criterion(model(images), labels)
    ```

    ## Known problems
    Parameters that are only used by some ranks on purpose (experts) differ rightly. Differences that leave all norms
    as they are cannot be seen. Where local steps are averaged every forty steps or more, the average is not seen.

    ## References
    - [PyTorch: DistributedDataParallel](https://pytorch.org/docs/stable/notes/ddp.html)
    """
    rows = ranks(run)
    steps = [side for side in sides(run) if side.one.gradients and side.other.gradients]
    if len(steps) < min_steps:
        raise Skip(f"fewer than {min_steps} steps of two ranks were recorded")
    apart = [(side, differing(side.one.gradients, side.other.gradients)) for side in steps]
    bad = [(side, positions) for side, positions in apart if positions]
    if len(bad) < min_steps or not len(bad) / len(steps) >= min_share:
        return
    always = set.intersection(*(set(positions) for _, positions in bad)) or set(bad[-1][1])
    names = [rows[0].names[p] for p in sorted(always) if p < len(rows[0].names)]
    first = rows[0]
    yield Finding(
        message=f"In {len(bad)} of {len(steps)} steps the gradients of {_which(names, len(first.names))} differed "
        "between the ranks when the optimizer used them.",
        where=SourceLine.of(first),
        names=tuple(names[:8]),
        advice=_advice(rows),
        severity=None if _certain(rows, len(steps)) else Severity.WARNING,
        certain=_certain(rows, len(steps)),
        evidence=(Measure("share of steps with different gradients", len(bad) / len(steps), f"{min_share:g}"),),
    )


def _which(names: Sequence[str], of: int) -> str:
    return "all parameters" if len(names) == of else f"{len(names)} of {of} parameters"


def _certain(rows: Sequence[Rank], steps: int) -> bool:
    return in_parallel(rows) or not any(communicates(row, steps) for row in rows)


def _advice(rows: Sequence[Rank]) -> str:
    if not in_parallel(rows):
        return "Wrap the model: `model = DistributedDataParallel(model)`, and call `model(...)`."
    if not any(row.through_wrapper for row in rows):
        return "Call the DistributedDataParallel itself, not `model.module` or the network inside of it."
    return "Look for `no_sync()` around the last backward pass before a step, and for parameters added after wrapping."
