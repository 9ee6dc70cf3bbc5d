"""R03 loader-skips-data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Coverage, Loader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "loader-skips-data",
    reason="R03",
    severity=Severity.WARNING,
    needs=[Coverage],
    explains=["class-imbalance", "single-label-batches", "train-val-shift"],
)
def loader_skips_data(
    run: Recording,
    *,
    share: float = 0.95,  # of the samples; buckets and uneven batches may leave out a few
    chosen: float = 0.5,  # of a subset by indices: a part smaller than that is no training split of anybody's
    growing: float = 1.05,  # a sampler that takes other samples in each pass reaches them all in time
    min_left: int = 2,  # passes left at the same batch; one may be a look at the data
) -> Iterator[Finding]:
    """A part of the training set is never trained on.

    ## What it does
    Goes through the sampler of the training loader several times and counts the different samples it asks for. Warns
    if they are less than `share` of the data set, `drop_last` aside, and the same in every pass; for a
    `SubsetRandomSampler`, whose indices were chosen, if they are less than `chosen`. Warns as well if the loader does
    not shuffle and the loop leaves each pass early, after the same number of batches.

    ## Why is this bad?
    Data that was gathered and labelled is not used, and often it is a part of a kind: the last classes, the latest
    days. Typical are a batch sampler of one's own that drops incomplete batches or has an error in its bounds, and an
    `if step == 10: break` that was left from a test.

    ## Example
    ```python
    class InOrder(Sampler):
        def __iter__(self):
            return iter(range(len(self.data) // self.batch_size))
    ```

    Use instead:
    ```python
    class InOrder(Sampler):
        def __iter__(self):
            return iter(range(len(self.data)))
    ```

    ## Known problems
    Subsets made by `Subset` or `random_split` are taken to be meant, as is a data set that another loader goes through
    too, and a `SubsetRandomSampler` if another loader takes a part of a data set of the same kind and length. Learning
    curves and trials with few labels leave data out on purpose. What a data set hides by its own length is not seen.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 3: check the data loader)
    - [PyTorch, torch.utils.data](https://pytorch.org/docs/stable/data.html#data-loading-order-and-sampler)
    """
    loaders = {row.name: row for row in run.rows(Loader)}
    told: set[str] = set()
    for row in run.rows(Coverage):
        loader = loaders.get(row.loader)
        wanted = row.total - row.dropped
        again = _made_anew(run, row, loaders)
        others = [r for r in loaders.values() if r.name not in again]
        if loader is not None and any(r.dataset == loader.dataset for r in others):
            continue  # the rest may be theirs
        if told & again:
            continue
        if row.given and (row.ever >= chosen * wanted or _shares(row, loader, others)):
            continue
        if row.drawn > 0 and row.ever < share * wanted and row.ever <= growing * row.drawn and row.passes > 1:
            told.add(row.loader)
            yield _finding(
                loader,
                row.ever / row.total,
                f"{row.sampler} asks for {row.ever:,} of {row.total:,} training samples, the same in every pass: the "
                "others are never trained on.",
                f"Print the indices that {row.sampler} gives and look for what is missing: the end of the range, "
                "incomplete batches, a class.",
            )
        elif row.ordered and row.broken_off >= min_left and 0 < row.left_after < share * row.batches:
            seen = row.left_after * row.batch_size
            yield _finding(
                loader,
                row.left_after / row.batches,
                f"The loop leaves each pass after {row.left_after} of {row.batches} batches, and the loader does not "
                f"shuffle: only the first {seen:,} of {row.total:,} samples are ever trained on.",
                "Remove the `break`, or shuffle (`shuffle=True`), so that other samples come first in each epoch.",
            )


def _made_anew(run: Recording, row: Coverage, loaders: dict[str, Loader]) -> set[str]:
    """Return the names of this loader and of those over the same data that ask for the same samples in the same place.

    A loader that is made in each epoch is a new one each time.
    """
    one = loaders.get(row.loader)
    alike = {c.loader for c in run.rows(Coverage) if c.asked and c.asked == row.asked and c.total == row.total}
    return {row.loader} | {
        name
        for name, other in loaders.items()
        if one is not None
        and name in alike
        and other.dataset == one.dataset
        and SourceLine.of(other) == SourceLine.of(one)
    }


def _shares(row: Coverage, loader: Loader | None, others: Sequence[Loader]) -> bool:
    """Whether another loader takes a part of the same data, read anew: validation without augmentation is made so."""
    return loader is not None and any(
        r.dataset_type == loader.dataset_type and r.size == row.total and 0 <= r.drawn < r.size for r in others
    )


def _finding(loader: Loader | None, measured: float, message: str, advice: str) -> Finding:
    return Finding(
        message=message,
        advice=advice,
        where=SourceLine.of(loader),
        evidence=(Measure("share of the samples that are ever asked for", measured, ">= 0.95"),),
    )
