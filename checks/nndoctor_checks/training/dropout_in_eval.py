"""R32 dropout-in-eval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import VALIDATION, DropoutCall, EvalGap, Forwards, Loader, ValidationCall

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTENTION = "scaled_dot_product_attention"


@check("dropout-in-eval", reason="R32", severity=Severity.WARNING, needs=[EvalGap])
def dropout_in_eval(
    run: Recording,
    *,
    min_calls: int = 2,  # on validation data
    differs: float = 1e-4,  # of two passes in eval mode, relative; other orders of summation give some 1e-6
) -> Iterator[Finding]:
    """A functional dropout stays on in eval mode.

    ## What it does
    Watches `F.dropout` and the dropout of `F.scaled_dot_product_attention` on validation data, and reports those that
    drop units although the module that calls them is in eval mode, if two passes of one batch in eval mode differ.
    Models that sample by themselves in eval mode (VAEs) are not accused, nor is a model that is called repeatedly on
    the same input, as Monte Carlo dropout does.

    ## Why is this bad?
    `F.dropout(x)` does not know of `model.eval()`: its `training` is True by default. Validation and predictions then
    are noisy and worse than the model is.

    ## Example
    ```python
    x = F.dropout(x, 0.5)
    ```

    Use instead:
    ```python
    x = F.dropout(x, 0.5, training=self.training)
    ```

    ## Known problems
    A script that never calls `model.eval()` is not judged here.

    ## References
    - [PyTorch, torch.nn.functional.dropout](https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html)
    - Gal, Ghahramani, Dropout as a Bayesian Approximation, ICML 2016 (dropout in eval mode on purpose)
    """
    rows = [row for row in run.rows(DropoutCall) if row.calls >= min_calls and row.p > 0]
    if not rows and not _validated(run):
        raise Skip("no validation loop was seen")
    for segment in dict.fromkeys(row.segment for row in rows):
        wrong = [row for row in rows if row.segment == segment and row.repeated == 0]
        gap = max((g.repeat for g in run.rows(EvalGap) if g.segment == segment and g.repeat > differs), default=0.0)
        if not wrong or not gap > 0:
            continue
        names = tuple(row.name for row in wrong)
        attention = wrong[0].function == ATTENTION
        line = (
            "`dropout_p=self.p if self.training else 0.0`"
            if attention
            else f"`F.{wrong[0].function}(x, {wrong[0].p:g}, training=self.training)` or use nn.Dropout"
        )
        yield Finding(
            message=f"{names_shown(names)} dropped units in {sum(r.calls for r in wrong)} calls in eval mode; two "
            f"passes of one batch in eval mode differ by {gap:.2g} of the output.",
            advice=f"Write {line}.",
            where=SourceLine.of(wrong[0]),
            names=names,
            evidence=(Measure("difference of two passes in eval mode", gap, "0"),),
        )


def _validated(run: Recording) -> bool:
    if any(row.split == VALIDATION for row in run.rows(Forwards)) or run.rows(ValidationCall):
        return True
    return any(row.split == VALIDATION and row.passes > 0 for row in run.rows(Loader))
