"""R31 not-converged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, check
from nndoctor.curves import Label
from nndoctor.records import Step
from nndoctor_checks.histories import finding, named, number

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("not-converged", reason="R31", severity=Severity.NOTE, needs=[Step], watched=True)
def not_converged(
    run: Recording,
    *,
    confidence: float = 0.5,  # share of nine readings (halves of the points, thresholds moved) that must agree
) -> Iterator[Finding]:
    """The losses were still falling when the training ended.

    ## What it does
    Reports a training loss (and a validation loss, where there is one) that fell by 2 % or more of its whole fall
    from the last but one tenth of the run to the last, and by more than its noise explains. Runs that were
    interrupted are left out.

    Reads the training loss of every step and the script's own evaluations on other data, as `nndoctor watch` records
    them; the classes and their thresholds are those of `nndoctor curves`. In `nndoctor check` only scripts are judged
    that end by themselves within the observed steps.

    ## Why is this bad?
    A curve that still falls says that the model can do better than this run shows. Conclusions about the model or
    the data from such a run are about the patience of the one who stopped it.

    ## Example
    ```python
    train(model, epochs=5)
    ```

    Use instead:
    ```python
    train(model, epochs=100)  # with early stopping on the validation loss
    ```

    ## Known problems
    A schedule that ends at a learning rate of 0 makes the loss fall until the last step, and leaves nothing to gain.

    ## References
    - Ivanov, 37 Reasons why your Neural Network is not working, 2017 (give it time)
    """
    for each in named(run, Label.NOT_CONVERGED, confidence=confidence):
        yield finding(
            each,
            [
                Measure("fall in the last tenth / fall", number(each, "train_late"), "< 0.02"),
            ],
        )
