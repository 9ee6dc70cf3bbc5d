"""T scheduler-misuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, curve
from nndoctor.records import OBSERVE, TRAIN, Loader, OptimizerStep, SchedulerStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CYCLIC = ("CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR")
"""Schedules that are meant to be stepped with every batch and to come down on the way."""

OVER = 1e-3
"""Of the highest rate: with less, training is over."""
SWUNG = 0.5
"""Of the highest rate, reached again after the end of a schedule that has no second cycle."""


@check(
    "scheduler-misuse",
    reason="T",
    severity=Severity.WARNING,
    needs=[SchedulerStep],
    explains=[
        "cannot-overfit-batch",
        "fails-on-solvable-data",
        "learning-rate-too-low",
        "loss-flat",
        "parameters-not-updating",
        "update-ratio",
    ],
)
def scheduler_misuse(
    run: Recording,
    *,
    lowest: float = 0.05,  # of the highest rate: less than a twentieth trains on at a crawl
    within: float = 0.5,  # of the first epoch: no schedule in epochs ends there, nor one in batches over the run
    min_steps: int = 4,  # of the scheduler, before it counts as stepped with every batch
) -> Iterator[Finding]:
    """The learning-rate scheduler is stepped at the wrong time.

    ## What it does
    Reports a scheduler whose first step comes before the first step of its optimizer (with a GradScaler, which may
    skip the optimizer's step, it is not judged; nor are several steps in advance, which resume a training), and a
    scheduler that is stepped with every batch and brings the learning rate to almost nothing before half of the first
    epoch is over. Where the length of an epoch is not known, because the batches come from no loader, that is said of
    a rate that has fallen for good to less than a thousandth in the first half of the watched steps.
    A CosineAnnealingLR that is stepped with every batch, beyond its `T_max`, swings up again: that is reported unless
    its end was that of an epoch.

    ## Why is this bad?
    Stepped first, a scheduler skips the first value of its schedule, and a rate that is computed for step n is used in
    step n-1. A schedule over 30 epochs that is stepped with every batch ends after 30 batches: from then on nothing is
    learnt, and the loss curve looks as if the model had converged.

    ## Example
    ```python
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        for x, y in loader:
            train_step(x, y)
            scheduler.step()
    ```

    Use instead:
    ```python
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        for x, y in loader:
            train_step(x, y)
        scheduler.step()
    ```

    ## Known problems
    Schedules that are too fast by a small factor are not seen: the end of the run is not known.

    ## References
    - [PyTorch, torch.optim: how to adjust learning rate](https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
    """
    stepped: dict[str, list[SchedulerStep]] = {}
    for row in run.rows(SchedulerStep):
        if row.experiment == OBSERVE:
            stepped.setdefault(row.name, []).append(row)
    for steps in stepped.values():
        early = [row for row in steps if row.optimizer_steps == 0 and not row.scaled]
        if len(early) == 1 and len(steps) > 1:
            yield Finding(
                message=f"{early[0].type} was stepped before the first step of its optimizer, so that the first "
                "learning rate of the schedule was skipped.",
                advice="Call `scheduler.step()` after `optimizer.step()`.",
                where=SourceLine.of(early[0]),
                names=(early[0].name,),
                evidence=(Measure("optimizer steps before the scheduler's first", 0, ">= 1"),),
                explains=frozenset(),
            )
        yield from _too_fast(run, steps, lowest, within, min_steps)


def _too_fast(
    run: Recording, steps: Sequence[SchedulerStep], lowest: float, within: float, min_steps: int
) -> Iterator[Finding]:
    segment = steps[0].segment
    sizes = [r.batches for r in run.rows(Loader) if r.split in (TRAIN, "") and r.batches > 0 and r.segment == segment]
    taken = [s for s in run.rows(OptimizerStep) if s.experiment == OBSERVE and s.segment == segment and s.lr > 0]
    if len(steps) < min_steps or len(steps) * 2 < len(taken) or steps[0].type in CYCLIC:
        return
    if not sizes:
        lowest = min(lowest, OVER)
    batches, whose = (max(sizes), "of the first epoch") if sizes else (len(steps), "that were watched")
    rates = [(row.step, row.lr) for row in steps if row.lr >= 0]
    peak = max((lr for _, lr in [*rates, *((s.step, s.lr) for s in taken)]), default=0.0)
    end = within * batches
    used = [(row.step, row.lr) for row in taken]
    fallen = next(((step, lr) for step, lr in rates if lr < lowest * peak and _after_peak(used, step, peak)), None)
    if fallen is None or (not sizes and max(lr for step, lr in rates if step >= fallen[0]) > lowest * peak):
        return
    swung = "" if fallen[0] < end else _swung(steps[0].type, rates, peak, lowest, max(sizes, default=0))
    if fallen[0] >= end and not swung:
        return
    yield Finding(
        message=f"{steps[0].type} is stepped with every batch and brought the learning rate from {peak:.3g} down to "
        f"{fallen[1]:.3g} by batch {fallen[0] + 1} of the {batches} {whose}{swung}.",
        advice="Step it once per epoch (after the loop over the batches), or build it for the number of batches: "
        "`T_max=epochs * len(loader)`.",
        where=SourceLine.of(steps[0]),
        names=(steps[0].name,),
        since=(segment, fallen[0]),
        evidence=(
            Measure("learning rate / highest learning rate", fallen[1] / peak, f">= {lowest:g}"),
            curve("learning rate", [step for step, _ in rates], [lr for _, lr in rates]),
        ),
    )


def _swung(kind: str, rates: Sequence[tuple[int, float]], peak: float, lowest: float, batches: int) -> str:
    """Return how a cosine that is over goes on; nothing if it is not over, or was over just when an epoch was.

    `batches`: of an epoch; 0 where that is not known, and with it whether it ends with one.
    """
    if not batches:
        return ""
    trough, least = min(rates, key=lambda rate: rate[1])
    again = max((lr for step, lr in rates if step > trough), default=0.0)
    at_the_end = min((trough + 1) % batches, -(trough + 1) % batches) <= 1
    if kind != "CosineAnnealingLR" or at_the_end or not (least < lowest * peak and again >= SWUNG * peak):
        return ""
    return f"; past its `T_max` of about {trough + 1} it swings up again, to {again:.3g}"


def _after_peak(used: Sequence[tuple[int, float]], step: int, peak: float) -> bool:
    """Whether the highest rate was already used by then (a warm-up begins near zero)."""
    return any(lr >= 0.9 * peak for s, lr in used if s <= step)
