"""T graph-kept-alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import KeptGraphs

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("graph-kept-alive", reason="T", severity=Severity.WARNING, needs=[KeptGraphs])
def graph_kept_alive(
    run: Recording,
    *,
    min_losses: int = 8,  # that are ten or more steps old
    share: float = 0.8,  # of them; to keep the best loss or every tenth is no leak
) -> Iterator[Finding]:
    """Losses are stored together with their graphs.

    ## What it does
    Watches the nodes of the autograd graph near each loss, and reports if those of most losses still exist ten or more
    steps later: something of the script's refers to them.

    ## Why is this bad?
    Each step then leaves a piece of graph behind, with whatever it refers to. Memory grows until it is used up, after
    hours perhaps, with an out-of-memory error far from its cause.

    ## Example
    ```python
    total += loss
    ```

    Use instead:
    ```python
    total += loss.item()
    ```

    ## Known problems
    After `backward` most of what a graph holds is freed, so that the leak may be some kilobytes a step only.

    ## References
    - [PyTorch, Frequently Asked Questions: my model reports out of memory](https://pytorch.org/docs/stable/notes/faq.html)
    """
    judged = False
    for row in run.rows(KeptGraphs):
        if row.losses < min_losses:
            continue
        judged = True
        if row.alive >= share * row.losses:
            yield Finding(
                message=f"The graphs of {row.alive} of {row.losses} losses were still in memory ten or more steps "
                "after their backward pass: a list or a sum keeps them (or what the loss was computed from).",
                advice="Store numbers: `losses.append(loss.item())`, `total += loss.item()`; for tensors, `.detach()`.",
                where=SourceLine.of(row),
                evidence=(Measure("old losses with a graph", row.alive, "0"),),
            )
    if not judged:
        raise Skip("too few steps were seen to tell what is kept")
