"""C plateau."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, check
from nndoctor.curves import Label
from nndoctor.records import Step
from nndoctor_checks.histories import finding, named, number

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("plateau", reason="C", severity=Severity.NOTE, needs=[Step], watched=True)
def plateau(
    run: Recording,
    *,
    confidence: float = 0.5,  # share of nine readings (halves of the points, thresholds moved) that must agree
) -> Iterator[Finding]:
    """The training loss stood still for long, and then fell further.

    ## What it does
    Reports a stretch of a quarter of the run or more in which the training loss fell by no more than 3 % of its
    whole fall, and after which it fell by 15 % more.

    Reads the training loss of every step and the script's own evaluations on other data, as `nndoctor watch` records
    them; the classes and their thresholds are those of `nndoctor curves`. In `nndoctor check` only scripts are judged
    that end by themselves within the observed steps.

    ## Why is this bad?
    That time was paid for and taught nothing. What ended the standstill (a lower learning rate, a layer that woke
    up) might have come earlier.

    ## Example
    ```python
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=60)  # flat from epoch 20 on
    ```

    Use instead:
    ```python
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=5)
    ```

    ## Known problems
    Some tasks are learned in steps by nature (a rule that is suddenly understood, curricula).

    ## References
    - [Power et al., Grokking: Generalization Beyond Overfitting on Small Algorithmic Datasets, 2022](https://arxiv.org/abs/2201.02177)
    """
    for each in named(run, Label.PLATEAU, confidence=confidence):
        yield finding(
            each,
            [
                Measure("standstill / run", number(each, "stood"), "< 0.25"),
            ],
        )
