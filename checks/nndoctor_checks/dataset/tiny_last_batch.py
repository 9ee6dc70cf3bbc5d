"""R03 tiny-last-batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import OBSERVE, TRAIN, Event, Loader, Normalised, Step
from nndoctor_checks.observed import by_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FEW = 4
RAISED = "Expected more than 1 value per channel when training"
"""How torch refuses a batch of one sample."""


@check(
    "tiny-last-batch",
    reason="R03",
    severity=Severity.WARNING,
    needs=[Normalised],
    explains=["learning-rate-too-high"],
)
def tiny_last_batch(run: Recording) -> Iterator[Finding]:
    """The last batch of an epoch is too small for BatchNorm.

    ## What it does
    Measures how many samples the BatchNorms get in the training steps. Warns if it is fewer than 4 now and then
    although the usual batch is larger, and if the script died of a batch of one. Where no epoch came to its end while
    nndoctor watched, the size of the last batch is computed from the loader: one sample is a warning, 2 or 3 a note.

    ## Why is this bad?
    A mean and a deviation of one to three samples are noise, and the step that is made with them undoes a part of the
    epoch; the running averages are moved by it just before they are used to validate. With one sample per channel
    torch raises an error, often after minutes of training.

    ## Example
    ```python
    loader = DataLoader(train_set, batch_size=32, shuffle=True)  # 1,025 samples
    ```

    Use instead:
    ```python
    loader = DataLoader(train_set, batch_size=32, shuffle=True, drop_last=True)
    ```

    ## Known problems
    A loop that skips small batches is seen to do so only if an epoch ends while it is observed.

    ## References
    - Ioffe and Szegedy, Batch Normalization, ICML 2015
    - PyTorch, torch.utils.data documentation (drop_last)
    """
    judged = 0
    for segment, rows in by_segment(run.rows(Normalised)).items():
        usual = [r for r in rows if r.largest >= FEW]
        if not usual:
            continue
        judged += 1
        loaders = [r for r in run.rows(Loader) if r.split == TRAIN and r.batch_size == max(u.largest for u in usual)]
        died = any(RAISED in e.text for e in run.rows(Event) if e.kind == "exception")
        tiny = [r for r in usual if r.few and 2 * r.few <= r.calls]
        if died:
            yield _finding(usual, 1, loaders, "and the script ended by the exception that torch raises for it")
        elif tiny:
            yield _finding(tiny, min(r.smallest for r in tiny), loaders, "once an epoch" if loaders else "now and then")
        else:
            for loader in loaders:
                rest = _unseen_rest(run, loader, segment)
                if rest:
                    why = f"{loader.drawn} samples are {loader.drawn // loader.batch_size} batches of "
                    yield _finding(usual, rest, [loader], why + f"{loader.batch_size} and {rest} left over", seen=False)
    if not judged:
        raise Skip("no BatchNorm was given a batch of 4 samples or more")


def _unseen_rest(run: Recording, loader: Loader, segment: int) -> int:
    """Return how many samples the last batch will have; 0 if enough, or if it came and BatchNorm did not get it."""
    if loader.drop_last or loader.drawn <= loader.batch_size:
        return 0
    rest = loader.drawn % loader.batch_size
    steps = [s for s in run.rows(Step) if (s.experiment, s.segment, s.loader) == (OBSERVE, segment, loader.name)]
    seen = len(steps) >= loader.batches or any(s.batch_size == rest for s in steps)
    return 0 if seen or rest >= FEW else rest


def _finding(
    rows: Sequence[Normalised], size: int, loaders: Sequence[Loader], why: str, *, seen: bool = True
) -> Finding:
    names = tuple(r.module for r in rows)
    usual = max(r.largest for r in rows)
    return Finding(
        message=f"{names_shown(names)}: BatchNorm {'gets' if seen else 'will get'} a batch of {size} "
        f"{'sample' if size == 1 else 'samples'} where {usual} are usual ({why}).",
        advice="Drop it: `DataLoader(..., drop_last=True)` for the training loader (not for validation), or choose a "
        "batch size that leaves more samples over.",
        where=SourceLine.of(loaders[0]) if loaders else None,
        names=names,
        evidence=(Measure("samples in the smallest batch", size, ">= 4"), Measure("in the usual batch", usual, "")),
        severity=None if seen or size == 1 else Severity.NOTE,
        certain=seen,
    )
