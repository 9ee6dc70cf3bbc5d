"""R11 batch-too-small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import TRAIN, Loader, Normalised
from nndoctor_checks.observed import by_segment

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "batch-too-small",
    reason="R11",
    severity=Severity.WARNING,
    needs=[Normalised],
    explains=["cannot-overfit-batch", "collapsed-predictions", "tiny-last-batch"],
)
def batch_too_small(
    run: Recording,
    *,
    share: float = 0.5,  # of the calls: a small batch now and then is an epoch's last
    min_calls: int = 4,
    plenty: int = 1024,  # values per channel, from the pixels of few images: the mean is known to 3 % of a deviation
) -> Iterator[Finding]:
    """BatchNorm averages over fewer than four samples.

    ## What it does
    Measures how many samples the BatchNorms get in the training steps. Warns if it is fewer than 4 in more than half
    of their calls. Where large images give at least `plenty` values per channel even so, it is a note only.

    ## Why is this bad?
    BatchNorm subtracts the mean of the batch. With two samples, each is told apart from the other by its sign alone,
    and all else about them is lost; the running averages that evaluation uses fit none of these batches. Training is
    noisy, and the network is much worse in evaluation than in training.

    ## Example
    ```python
    loader = DataLoader(train_set, batch_size=2, shuffle=True)
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
    ```

    Use instead:
    ```python
    loader = DataLoader(train_set, batch_size=32, shuffle=True)
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
    ```

    ## Known problems
    Accumulating the gradients of several batches does not help: the averages are still of one batch.

    ## References
    - Ioffe and Szegedy, Batch Normalization, ICML 2015
    - Wu and He, Group Normalization, ECCV 2018 (figure 1: the error against the batch size)
    """
    for rows in by_segment(run.rows(Normalised)).values():
        small = [r for r in rows if r.calls >= min_calls and r.few > share * r.calls]
        if not small:
            continue
        names = tuple(r.module for r in small)
        size = min(r.smallest for r in small)
        values = min(r.values for r in small)
        yield Finding(
            message=f"{names_shown(names)} {'averages' if len(names) == 1 else 'average'} over batches of "
            f"{size} {'sample' if size == 1 else 'samples'} in training.",
            advice="Train with a larger batch (16 or more), or exchange BatchNorm for a normalisation within the "
            "sample: `nn.LayerNorm(features)`, for images `nn.GroupNorm(8, channels)`. Accumulating gradients does "
            "not help.",
            where=_place(run),
            names=names,
            evidence=(
                Measure("samples per batch", size, ">= 4, better >= 16"),
                Measure("values per channel", values, f">= {plenty} for so few samples"),
            ),
            severity=Severity.NOTE if values >= plenty else None,
        )


def _place(run: Recording) -> SourceLine | None:
    small = (r for r in run.rows(Loader) if r.split == TRAIN and 0 < r.batch_size < 4)
    return SourceLine.of(next(small, None))
