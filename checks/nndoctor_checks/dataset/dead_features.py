"""R01 dead-features."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import Loader, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "dead-features",
    reason="R01",
    severity=Severity.WARNING,
    needs=[Scan],
    explains=[],
)
def dead_features(
    run: Recording,
    *,
    share: float = 0.1,  # of the columns; a few empty ones are common in wide tables
    min_samples: int = 200,  # a rare flag may well be off in fewer
    sparse: float = 0.8,  # share of zeros: bags of words and one-hot codes have columns that hardly ever fire
    pictures: int = 64,  # columns from which on a square number of them may be an image that was flattened
) -> Iterator[Finding]:
    """Many columns of the input never vary.

    ## What it does
    Looks at samples of the training data set after the script has ended. Warns if more than `share` of the columns of
    a table have the same value in all of them. For images (also flattened ones), sequences and sparse data, whose
    borders and rare words are constant by nature, it is a note.

    ## Why is this bad?
    A constant column tells nothing, and that many of them tell that something went wrong before: a join that found no
    partner, a column read with the wrong type, missing values filled with one number, a scaler that divided by 0.

    ## Example
    ```python
    frame = customers.merge(orders, on="customer", how="left").fillna(0)  # keys of different types: none match
    ```

    Use instead:
    ```python
    orders["customer"] = orders["customer"].astype(customers["customer"].dtype)
    frame = customers.merge(orders, on="customer", how="left", validate="one_to_one")
    ```

    ## Known problems
    Of large data sets a part is looked at; a column that varies outside of it only is taken for constant.

    ## References
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019 (become one with the data)
    """
    judged = 0
    for row in run.rows(Scan):
        if row.keyed < min_samples or row.columns < 2:
            continue
        judged += 1
        # All constant is another check's; one column of a few is no pattern.
        if not max(2, share * row.columns) <= row.constant < row.columns:
            continue
        natural = row.dimensions > 1 or not row.zero_share <= sparse or _flattened(row.columns, pictures)
        loader = next((r for r in run.rows(Loader) if r.name == row.loader), None)
        shown = names_shown([str(i) for i in row.constant_columns], most=8)
        yield Finding(
            message=f"{row.constant} of {row.columns} columns of the input have one and the same value in all of the "
            f"{row.keyed:,} samples that were looked at (columns {shown}).",
            advice="Print these columns right after each step of the preprocessing to see where they become constant; "
            "drop those that are meant to be."
            if not natural
            else "Nothing to do if these are the borders of images or words that do not occur.",
            where=SourceLine.of(loader),
            evidence=(Measure("share of constant columns", row.constant / row.columns, f"<= {share}"),),
            severity=Severity.NOTE if natural else None,
        )
    if not judged:
        raise Skip(f"no table of floating-point columns with {min_samples} samples was found in the training data")


def _flattened(columns: int, least: int) -> bool:
    """Whether this many columns may be a square image of one or three channels."""
    return columns >= least and any(
        columns % channels == 0 and math.isqrt(columns // channels) ** 2 == columns // channels for channels in (1, 3)
    )
