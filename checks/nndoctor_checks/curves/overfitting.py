"""C overfitting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, check
from nndoctor.curves import Label
from nndoctor.records import Evaluation, Step
from nndoctor_checks.histories import finding, named, number

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("overfitting", reason="C", severity=Severity.WARNING, needs=[Step, Evaluation], watched=True)
def overfitting(
    run: Recording,
    *,
    confidence: float = 0.5,  # share of nine readings (halves of the points, thresholds moved) that must agree
) -> Iterator[Finding]:
    """The model learns its training samples by heart: on other data it gets worse.

    ## What it does
    Reports a validation loss that ends above its best by 6 % or more of what the losses fell in all, and above the
    training loss; or a gap between the two that grew by 12 % after the validation loss had come down.

    Reads the training loss of every step and the script's own evaluations on other data, as `nndoctor watch` records
    them; the classes and their thresholds are those of `nndoctor curves`. In `nndoctor check` only scripts are judged
    that end by themselves within the observed steps.

    ## Why is this bad?
    What is learned beyond that point holds for the training samples only. The last weights, which most scripts
    keep, are not the best ones that the run had.

    ## Example
    ```python
    for epoch in range(200):
        train_one_epoch(model, train_loader)
    torch.save(model.state_dict(), "model.pt")
    ```

    Use instead:
    ```python
    best = math.inf
    for epoch in range(200):
        train_one_epoch(model, train_loader)
        loss = evaluate(model, validation_loader)
        if loss < best:
            best = loss
            torch.save(model.state_dict(), "model.pt")
    ```

    ## Known problems
    A classifier's validation loss can rise while its accuracy still gains: the wrong answers become surer. Whether that
    matters depends on what the probabilities are used for.

    ## References
    - Goodfellow, Bengio, Courville, Deep Learning, 2016, section 7.8 (early stopping)
    - [Nakkiran et al., Deep Double Descent, 2020](https://arxiv.org/abs/1912.02292)
    """
    for each in named(run, Label.OVERFITTING, confidence=confidence, unfinished=True, validated=True):
        yield finding(
            each,
            [
                Measure("rise of the validation loss / fall", number(each, "validation_rise"), "< 0.06"),
                Measure("growth of the gap / fall", number(each, "widened"), "< 0.12"),
            ],
        )
