"""C unrepresentative-train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, check
from nndoctor.curves import Label
from nndoctor.records import Evaluation, Step
from nndoctor_checks.histories import finding, named, number

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("unrepresentative-train", reason="C", severity=Severity.WARNING, needs=[Step, Evaluation], watched=True)
def unrepresentative_train(
    run: Recording,
    *,
    confidence: float = 0.5,  # share of nine readings (halves of the points, thresholds moved) that must agree
) -> Iterator[Finding]:
    """Training and validation loss came to rest far apart.

    ## What it does
    Reports a gap of 15 % or more of the fall between two losses that both no longer move, where the validation loss did
    not turn upwards.

    Reads the training loss of every step and the script's own evaluations on other data, as `nndoctor watch` records
    them; the classes and their thresholds are those of `nndoctor curves`. In `nndoctor check` only scripts are judged
    that end by themselves within the observed steps.

    ## Why is this bad?
    The model has learned what its training data can teach, and that is not enough for the validation data: the two come
    from different sources, or the training data are too few to cover it.

    ## Example
    ```python
    training_set, validation_set = Subset(data, range(8000)), Subset(data, range(8000, 10000))  # sorted by date
    ```

    Use instead:
    ```python
    training_set, validation_set = random_split(data, [0.8, 0.2])
    ```

    ## Known problems
    A split by time or by patient is made apart on purpose; the gap is then what the model costs on new data.

    ## References
    - [Brownlee, How to use Learning Curves to Diagnose Machine Learning Model Performance](https://machinelearningmastery.com/learning-curves-for-diagnosing-machine-learning-model-performance/)
    """
    for each in named(run, Label.UNREPRESENTATIVE_TRAIN, confidence=confidence, validated=True):
        yield finding(
            each,
            [
                Measure("gap / fall", number(each, "gap"), "< 0.15"),
            ],
        )
