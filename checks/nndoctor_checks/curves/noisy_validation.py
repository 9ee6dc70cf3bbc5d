"""C noisy-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, check
from nndoctor.curves import Label
from nndoctor.records import Evaluation, Step
from nndoctor_checks.histories import finding, named, number

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("noisy-validation", reason="C", severity=Severity.WARNING, needs=[Step, Evaluation], watched=True)
def noisy_validation(
    run: Recording,
    *,
    confidence: float = 0.5,  # share of nine readings (halves of the points, thresholds moved) that must agree
) -> Iterator[Finding]:
    """The validation loss is so noisy that its differences mean little.

    ## What it does
    Reports if one validation value is uncertain by 8 % or more of all that was learned, and twice as much as the
    training loss. The noise is what single values deviate from the smooth curve in the second half of the run.

    Reads the training loss of every step and the script's own evaluations on other data, as `nndoctor watch` records
    them; the classes and their thresholds are those of `nndoctor curves`. In `nndoctor check` only scripts are judged
    that end by themselves within the observed steps.

    ## Why is this bad?
    Early stopping, schedules and comparisons between runs then follow chance: the best of many noisy values is the
    luckiest one.

    ## Example
    ```python
    validation_set = Subset(data, range(20))
    ```

    Use instead:
    ```python
    training_set, validation_set = random_split(data, [0.8, 0.2])
    ```

    ## Known problems
    A learning rate that is too high makes the weights themselves jump; then the validation loss is noisy because
    the model is.

    ## References
    - [Brownlee, How to use Learning Curves to Diagnose Machine Learning Model Performance](https://machinelearningmastery.com/learning-curves-for-diagnosing-machine-learning-model-performance/)
    """
    for each in named(run, Label.NOISY_VALIDATION, confidence=confidence, validated=True):
        yield finding(
            each,
            [
                Measure("noise of a validation value / fall", number(each, "noise"), "< 0.08"),
            ],
        )
