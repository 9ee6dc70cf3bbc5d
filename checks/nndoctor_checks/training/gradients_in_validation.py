"""R32 gradients-in-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import VALIDATION, Loader, ValidationCall

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("gradients-in-validation", reason="R32", severity=Severity.WARNING, needs=[ValidationCall])
def gradients_in_validation(
    run: Recording,
    *,
    min_calls: int = 2,  # one call may be a trial with an example batch
    min_share: float = 0.9,  # of the calls on validation data; a script that means it does so in all of them
) -> Iterator[Finding]:
    """The validation loop builds graphs for gradients that nobody asks for.

    ## What it does
    Counts the calls of models on the batches of loaders that are not trained on, and reports models whose outputs
    there require gradients although no backward pass follows. Scripts that ask for gradients with respect to their
    input (forces, saliency maps, attacks) are exempt.

    ## Why is this bad?
    Every intermediate result is kept until the output is dropped, so validation takes several times the memory and
    more time than it needs. A loss that is stored from it keeps the whole graph with it.

    ## Example
    ```python
    model.eval()
    for x, y in val_loader:
        hits += (model(x).argmax(1) == y).sum()
    ```

    Use instead:
    ```python
    model.eval()
    with torch.no_grad():
        for x, y in val_loader:
            hits += (model(x).argmax(1) == y).sum()
    ```

    ## Known problems
    Validation without a DataLoader is not told from training and not judged.

    ## References
    - [PyTorch, torch.no_grad](https://pytorch.org/docs/stable/generated/torch.no_grad.html)
    """
    loaders = [row for row in run.rows(Loader) if row.split == VALIDATION and row.passes > 0]
    if not loaders:
        raise Skip("no validation loader was seen")
    wrong = [
        row
        for row in run.rows(ValidationCall)
        if row.graphs >= min_calls and row.graphs >= min_share * row.calls and not row.wanted
    ]
    if wrong:
        names = tuple(dict.fromkeys(row.module for row in wrong))
        graphs, calls = sum(row.graphs for row in wrong), sum(row.calls for row in wrong)
        yield Finding(
            message=f"{graphs} of {calls} calls of {names_shown(names)} on validation data built a graph for gradients "
            "that are never computed.",
            advice="Put the validation loop into `with torch.no_grad():` (`model.eval()` does not do that).",
            where=SourceLine.of(wrong[0]),
            names=names,
            evidence=(Measure("validation calls with a graph", graphs, "0"),),
        )
