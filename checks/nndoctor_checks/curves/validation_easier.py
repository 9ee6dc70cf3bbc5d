"""C validation-easier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, check
from nndoctor.curves import Label
from nndoctor.records import Evaluation, Step
from nndoctor_checks.histories import finding, named, number

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("validation-easier", reason="C", severity=Severity.NOTE, needs=[Step, Evaluation], watched=True)
def validation_easier(
    run: Recording,
    *,
    confidence: float = 0.5,  # share of nine readings (halves of the points, thresholds moved) that must agree
) -> Iterator[Finding]:
    """The validation loss lies below the training loss.

    ## What it does
    Reports a validation loss that ends below the training loss by 6 % or more of the fall, and was below it in the
    second half of the run throughout.

    Reads the training loss of every step and the script's own evaluations on other data, as `nndoctor watch` records
    them; the classes and their thresholds are those of `nndoctor curves`. In `nndoctor check` only scripts are judged
    that end by themselves within the observed steps.

    ## Why is this bad?
    Unseen samples should be no easier than those trained on. Either the training loss is measured in a harder way
    (dropout, augmentation, mean over the epoch), or the validation samples are easier ones, or they leak from the
    training data.

    ## Example
    ```python
    validation_set = [sample for sample in data if sample.quality > 0.9]
    ```

    Use instead:
    ```python
    training_set, validation_set = random_split(data, [0.8, 0.2])
    ```

    ## Known problems
    With dropout or strong augmentation this is as it should be; that is why it is a note.

    ## References
    - [Brownlee, How to use Learning Curves to Diagnose Machine Learning Model Performance](https://machinelearningmastery.com/learning-curves-for-diagnosing-machine-learning-model-performance/)
    """
    for each in named(run, Label.VALIDATION_EASIER, confidence=confidence, validated=True):
        yield finding(
            each,
            [
                Measure("validation - training loss / fall", number(each, "gap"), "> -0.06"),
            ],
        )
