"""R06 conflicting-labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Loader, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "conflicting-labels",
    reason="R06",
    severity=Severity.WARNING,
    needs=[Scan],
    explains=["cannot-overfit-batch"],
)
def conflicting_labels(
    run: Recording,
    *,
    share: float = 0.01,  # of the samples; as many wrong labels as a well-kept data set has in all (Northcutt 2021)
    min_samples: int = 100,
    surprising: float = 40.0,  # bits: unlike samples do not agree by chance, so that the label is wrong
) -> Iterator[Finding]:
    """Identical inputs carry different labels.

    ## What it does
    Compares samples of the training data set after the script has ended, and counts those whose input occurs with
    another class as well. Warns from `share` on. Where a few categorical columns make up the input, equal inputs of
    different classes are natural: there it is a note.

    ## Why is this bad?
    No network can be right on both. The training loss cannot reach 0, a large network learns one of the two by heart,
    and the labels of the other samples, made in the same way, deserve less trust as well.

    ## Example
    ```python
    x = torch.cat([x_first, x_second])
    y = torch.cat([labels_of_alice, labels_of_bob])  # the same images, labelled twice
    ```

    Use instead:
    ```python
    x = x_first
    y = torch.where(labels_of_alice == labels_of_bob, labels_of_alice, third_opinion)
    ```

    ## Known problems
    Only class labels are judged; repeated measurements of a number differ by nature. Tokens are not judged: a text
    goes on in different ways.

    ## References
    - Northcutt, Athalye and Mueller, Pervasive Label Errors in Test Sets, NeurIPS 2021
    - Frenay and Verleysen, Classification in the Presence of Label Noise, IEEE TNNLS 2014
    """
    judged = 0
    for row in run.rows(Scan):
        if row.keyed < min_samples or row.tokens or len(row.labels) < 2:
            continue
        judged += 1
        if row.conflicts < share * row.keyed or row.conflicts < 2:
            continue
        loader = next((r for r in run.rows(Loader) if r.name == row.loader), None)
        natural = not row.bits >= surprising
        yield Finding(
            message=f"{row.conflicts:,} of {row.keyed:,} training samples that were compared have an input that also "
            f"occurs with another label: {row.conflicts / row.keyed:.1%}.",
            advice="Look at these samples: join labels of several annotators by majority, drop what stays in doubt, "
            "and check that inputs and labels were not shifted against each other."
            if not natural
            else "Add inputs that tell these samples apart, if you have any; no network can be right on all of them.",
            where=SourceLine.of(loader),
            evidence=(Measure("share of samples in conflict", row.conflicts / row.keyed, f"< {share}"),),
            severity=Severity.NOTE if natural else None,
        )
    if not judged:
        raise Skip("the training data has no class labels, or it could not be compared")
