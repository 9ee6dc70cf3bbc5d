"""C diverging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, check
from nndoctor.curves import Label
from nndoctor.records import Step
from nndoctor_checks.histories import finding, named, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor_checks.histories import Judged


@check("diverging", reason="C", severity=Severity.ERROR, needs=[Step], watched=True)
def diverging(
    run: Recording,
    *,
    confidence: float = 0.5,  # share of nine readings (halves of the points, thresholds moved) that must agree
) -> Iterator[Finding]:
    """The training loss got out of control in the course of the training.

    ## What it does
    Reports a training loss that ends in NaN or Inf, or that ends by a quarter of its largest movement above its lowest.
    An error if it ends in NaN, or above where it began in a loop that a DataLoader feeds; else a warning.

    Reads the training loss of every step, as `nndoctor watch` records it; the classes and their thresholds are those of
    `nndoctor curves`. In `nndoctor check` only scripts are judged that end by themselves within the observed steps.

    ## Why is this bad?
    What was learned is lost again, and the last weights, which most scripts keep, are worse than earlier ones.

    ## Example
    ```python
    optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
    ```

    Use instead:
    ```python
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    ```

    ## Known problems
    In reinforcement learning, with a term of the loss that is faded in, or with data that get harder, a loss rises and
    all is well; if a DataLoader feeds such a loop and the loss ends above its start, it is called an error.

    ## References
    - Goodfellow, Bengio, Courville, Deep Learning, 2016, section 8.2.4 (cliffs and exploding gradients)
    """
    for each in named(run, Label.DIVERGING, confidence=confidence, unfinished=True):
        measures = [Measure("rise / largest movement", number(each, "train_rise"), "< 0.25")]
        yield finding(each, measures, None if _out_of_bounds(each) else Severity.WARNING)


def _out_of_bounds(each: Judged) -> bool:
    """Whether the loss is lost for certain: NaN, or above its start where targets are given."""
    lost = each.verdict is not None and "NaN" in each.verdict.why
    return lost or (each.supervised and number(each, "train_rise") >= number(each, "train_fell") > 0)
