"""R03 loader-changes-samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Collation, Loader

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "loader-changes-samples",
    reason="R03",
    severity=Severity.ERROR,
    needs=[Collation],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "constant-input",
        "ignores-input",
        "labels-mismatched",
        "learning-rate-too-low",
        "loss-flat",
        "noisy-labels",
        "repeated-batch",
        "single-label-batches",
        "targets-unpredictable",
        "train-val-shift",
        "unstandardised-input",
        "wrong-loss-for-target",
    ],
)
def loader_changes_samples(
    run: Recording,
    *,
    share: float = 0.5,  # of the compared samples; a collate function may replace one that is broken
) -> Iterator[Finding]:
    """The loader yields other samples than the data set returns.

    ## What it does
    Fetches a few samples one by one, then together, as the loader does it, puts them through the loader's
    `collate_fn`, and compares. It is an error if at least `share` of the samples are missing because others stand in
    their place, if the rows of the batch hold values of several samples although no value is lost (a `view` where a
    `transpose` was meant), or if fractions have become whole numbers. Samples that are different each time (random
    augmentation, mixing at random) are not compared; scaling, padding, sorting and exchanged dimensions are no fault.

    ## Why is this bad?
    Each part looks right by itself: the data set returns good samples, and the loop gets a batch of the right shape.
    What the network sees is something else. Typical are a data set that fills one buffer and returns it every time
    (the batch then holds the last sample throughout), `view` in a collate function, and a dtype that cuts fractions.

    ## Example
    ```python
    def __getitem__(self, i):
        self.buffer[:] = self.images[i] / 255
        return self.buffer, self.labels[i]
    ```

    Use instead:
    ```python
    def __getitem__(self, i):
        return self.images[i] / 255, self.labels[i]
    ```

    ## Known problems
    Batches to which the collate function adds or from which it takes values (other than padding) cannot be compared.
    A fixed interleaving of samples that is meant looks like a wrong `view`.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 3: check the data loader)
    - [PyTorch, working with collate_fn](https://pytorch.org/docs/stable/data.html#working-with-collate-fn)
    """
    for row in run.rows(Collation):
        if row.compared < 2:
            continue
        if row.missing >= share * row.compared:
            yield _finding(
                run,
                row,
                f"{row.missing} of {row.compared} samples that were fetched together are missing from the batch: other "
                "samples stand in their place.",
                "Return a new array from `__getitem__` (`.copy()`, `.clone()`) instead of one buffer that the next "
                "call overwrites, and print `x[0], x[1]` of a batch beside `dataset[i], dataset[j]`.",
                Measure("samples missing from the batch", row.missing, "0"),
            )
        elif row.mixed >= share * row.compared:
            yield _finding(
                run,
                row,
                f"{row.mixed} of {row.compared} rows of the batch hold values of several samples.",
                "Use `transpose`, `permute` or `movedim` to exchange dimensions; `view` and `reshape` keep the order "
                "in memory and cut the samples to pieces. `torch.stack(samples)` puts the batch first.",
                Measure("rows with values of several samples", row.mixed, "0"),
            )
        elif row.truncated:
            yield _finding(
                run,
                row,
                "All values of the batch are whole numbers, but those of the samples are not: their fractions were cut "
                "off.",
                "Keep the dtype when the batch is made: `torch.tensor(values, dtype=torch.float32)`, or plain "
                "`torch.stack`.",
                Measure("share of samples with their own values", row.kept / row.compared, "1"),
            )


def _finding(run: Recording, row: Collation, message: str, advice: str, measure: Measure) -> Finding:
    loader = next((r for r in run.rows(Loader) if r.name == row.loader), None)
    what = f" (leaf {row.leaf}{f', the {row.role}' if row.role else ''})" if row.leaf else ""
    return Finding(
        message=message.removesuffix(".") + f"{what}.",
        advice=advice,
        where=SourceLine.of(row) or SourceLine.of(loader),
        evidence=(measure,),
    )
