"""C underfitting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, check
from nndoctor.curves import Label
from nndoctor.records import Step
from nndoctor_checks.histories import finding, named, number

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("underfitting", reason="C", severity=Severity.WARNING, needs=[Step], watched=True)
def underfitting(
    run: Recording,
    *,
    confidence: float = 0.5,  # share of nine readings (halves of the points, thresholds moved) that must agree
    good: float = 0.75,  # accuracy from which on a loss that does not fall is that of a model that had learned before
) -> Iterator[Finding]:
    """The model did not learn even its training data.

    ## What it does
    Reports a training loss that fell, over the whole run, by less than half a standard deviation of its noise from
    batch to batch; or an accuracy on the training batches that stays below 0.5, or that hardly gained and is below
    0.75, although the loss no longer falls. The accuracy counts only where the last layer has at most 20 outputs.

    Reads the training loss of every step and the script's own evaluations on other data, as `nndoctor watch` records
    them; the classes and their thresholds are those of `nndoctor curves`. In `nndoctor check` only scripts are judged
    that end by themselves within the observed steps.

    ## Why is this bad?
    More data, augmentation or regularisation cannot help a model that does not fit what it is shown. The fault is
    in the capacity, the optimisation or the wiring.

    ## Example
    ```python
    model = nn.Linear(784, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, weight_decay=1.0)
    ```

    Use instead:
    ```python
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    ```

    ## Known problems
    A loss that came to rest too high, without an accuracy beside it, reads as at rest. A fine-tuned model that was
    good from the beginning is reported where its accuracy is not known.

    ## References
    - Goodfellow, Bengio, Courville, Deep Learning, 2016, section 5.2 (capacity, overfitting and underfitting)
    """
    for each in named(run, Label.UNDERFITTING, confidence=confidence):
        if number(each, "metric") >= good:
            continue  # nothing was left to learn
        yield finding(
            each,
            [
                Measure("fall of the training loss / its noise", number(each, "learned"), ">= 0.5"),
                Measure("accuracy on training batches", number(each, "metric"), ">= 0.5"),
            ],
        )
