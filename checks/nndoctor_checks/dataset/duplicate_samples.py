"""R01 duplicate-samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Loader, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("duplicate-samples", reason="R01", severity=Severity.WARNING, needs=[Scan], explains=[])
def duplicate_samples(
    run: Recording,
    *,
    share: float = 0.05,  # of the samples; cleaned public image sets have up to 3 % (CIFAR: Barz and Denzler 2020)
    min_samples: int = 100,
    surprising: float = 40.0,  # bits: a collision of two unlike samples is then less likely than one in 10**12
    evened: float = 1.5,  # largest to smallest class: copies that even the classes out were made on purpose
) -> Iterator[Finding]:
    """Many training samples are exact copies of others.

    ## What it does
    Compares samples of the training data set (input and target) after the script has ended. Warns if more than
    `share` of them are exact copies of another. Data in which copies are a matter of course is left alone: a few
    categorical columns, tokens; and so are the copies of rare classes that even the classes out.

    ## Why is this bad?
    Copies count several times in the loss, and a random split puts some of them on both sides, so that the validation
    score is that of samples known by heart. Often they come of a join or a concatenation gone wrong, and other columns
    are wrong as well.

    ## Example
    ```python
    train = pd.concat([pd.read_csv(path) for path in glob("parts/*.csv") + glob("parts/a*.csv")])
    ```

    Use instead:
    ```python
    train = pd.concat([pd.read_csv(path) for path in sorted(glob("parts/*.csv"))]).drop_duplicates()
    ```

    ## Known problems
    Of large data sets a part is compared, spread evenly: copies of samples outside of it are not seen. Near copies
    (the same image, compressed again) are not found.

    ## References
    - Barz and Denzler, Do We Train on Test Data? Purging CIFAR of Near-Duplicates, Journal of Imaging 2020
    - Lee et al., Deduplicating Training Data Makes Language Models Better, ACL 2022
    """
    judged = 0
    for row in run.rows(Scan):
        if row.keyed < min_samples or row.tokens or not row.bits >= surprising:
            continue
        judged += 1
        if row.duplicates <= share * row.keyed or _oversampled(row, evened):
            continue
        loader = next((r for r in run.rows(Loader) if r.name == row.loader), None)
        part = "" if row.keyed >= row.total else f" (of {row.total:,} in all)"
        yield Finding(
            message=f"{row.duplicates:,} of {row.keyed:,} training samples that were compared{part} are exact copies "
            f"of another: {row.duplicates / row.keyed:.0%}.",
            advice="Find where they come from (a join, a file read twice), remove them before you split "
            "(`frame.drop_duplicates()`, `np.unique(x, axis=0, return_index=True)`), and split by their origin.",
            where=SourceLine.of(loader),
            evidence=(Measure("share of copies", row.duplicates / row.keyed, f"<= {share}"),),
        )
    if not judged:
        raise Skip("the training data could not be compared, or it is of a kind in which equal samples are normal")


def _oversampled(row: Scan, evened: float) -> bool:
    """Whether the copies make classes equal that were not."""
    if len(row.counts) < 2 or len(row.counts) != len(row.distinct) or min(*row.counts, *row.distinct) < 1:
        return False
    now, before = max(row.counts) / min(row.counts), max(row.distinct) / min(row.distinct)
    return now < evened and before > 2 * now
