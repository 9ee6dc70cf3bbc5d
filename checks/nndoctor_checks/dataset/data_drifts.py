"""R01 data-drifts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Loader, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "data-drifts",
    reason="R01",
    severity=Severity.ERROR,
    needs=[Scan],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "constant-input",
        "exploding-gradient",
        "initial-loss",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "non-finite",
        "non-finite-input",
        "train-val-shift",
        "unstandardised-input",
        "update-ratio",
    ],
)
def data_drifts(run: Recording) -> Iterator[Finding]:
    """A sample changes each time it is fetched: the data set writes into its own arrays.

    ## What it does
    Asks the training data set for the same sample four times, each time from the same state of all random generators.
    Reports it if the sample is another each time and the arrays that the data set holds change with every fetch.
    Random augmentation gives the same sample from the same random state, and leaves the arrays alone.

    ## Why is this bad?
    A transform that works in place (`-=`, `/=`, `mul_`, `normalize_`) on a view of the stored data is applied anew in
    every epoch. In the first epoch all is well; after some the data is all zeros or has exploded, and validation sees
    other data than training. Loader workers hide it, because they write into copies of their own.

    ## Example
    ```python
    def __getitem__(self, i):
        x = self.images[i]
        x -= self.mean
        return x / self.std, self.labels[i]
    ```

    Use instead:
    ```python
    def __getitem__(self, i):
        x = self.images[i] - self.mean
        return x / self.std, self.labels[i]
    ```

    ## Known problems
    Data that the data set does not hold in arrays or tensors is not watched; nor is a transform that has come to rest
    (all zeros) before the script ended.

    ## References
    - NumPy user guide, Copies and views
    """
    rows = [row for row in run.rows(Scan) if row.refetched > 0]
    if not rows:
        raise Skip("no data set that holds its data in arrays and transforms it was seen")
    for row in rows:
        # One of three could be a slot that is meant to be written to.
        if row.drifting < 2 and row.drifting < row.refetched:
            continue
        if not row.drifting:
            continue
        loader = next((r for r in run.rows(Loader) if r.name == row.loader), None)
        sizes = (row.drift_from, row.drift_to)
        known = all(map(math.isfinite, sizes)) and sizes[0] != sizes[1]
        evidence = [Measure("samples that change with each fetch", row.drifting, f"0 of {row.refetched}")]
        if known:
            evidence.append(Measure("mean absolute value of one, first fetch", sizes[0], ""))
            evidence.append(Measure("the same sample, fourth fetch", sizes[1], f"{sizes[0]:.4g}"))
        moved = f" (mean absolute value {sizes[0]:.4g}, three fetches later {sizes[1]:.4g})" if known else ""
        yield Finding(
            message=f"{row.dataset} gave another sample each time it was asked for the same one{moved}, and the arrays "
            "that it holds changed with every fetch.",
            advice="Let `__getitem__` work on a copy: `x = self.data[i].clone()` (NumPy: `.copy()`), or write "
            "`x = x - mean` instead of `x -= mean` and functions without a trailing underscore.",
            where=SourceLine.of(row) or SourceLine.of(loader),
            evidence=tuple(evidence),
        )
