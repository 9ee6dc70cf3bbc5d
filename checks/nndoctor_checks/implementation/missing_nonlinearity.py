"""R22 missing-nonlinearity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import Chained, Module
from nndoctor_checks.observed import by_segment

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "missing-nonlinearity",
    reason="R22",
    severity=Severity.WARNING,
    needs=[Module],
    explains=["cannot-overfit-batch", "fails-on-solvable-data"],
)
def missing_nonlinearity(
    run: Recording,
    *,
    min_links: int = 3,  # sampled steps
) -> Iterator[Finding]:
    """Two linear layers follow each other with nothing between.

    ## What it does
    Reports two Linear layers, or two convolutions, of one module of which the second is called on just what the first
    put out, if nothing else uses that. Dropout, BatchNorm and Identity between the two change nothing: they are linear
    as well, once the training is over. Bottlenecks (the width between is smaller than both others), depthwise and
    one-sided convolutions, and layers of different modules (a head on an encoder) are left alone.

    ## Why is this bad?
    Two linear maps in a row are one linear map. The network has the weights of two layers and the power of one; a whole
    network of them is a linear regression.

    ## Example
    ```python
    net = nn.Sequential(nn.Linear(10, 64), nn.Linear(64, 1))
    ```

    Use instead:
    ```python
    net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))
    ```

    ## Known problems
    A reshape between the two hides them. Pooling for the maximum is not linear, and takes the place of an activation.
    Deep linear networks that are made on purpose are reported.

    ## References
    - Ian Goodfellow, Yoshua Bengio and Aaron Courville, Deep Learning, 2016, section 6.1: why hidden layers need a
      function that is not linear
    """
    for rows in by_segment(run.rows(Chained)).values():
        found = [row for row in rows if row.links >= min_links and _idle(row)]
        if not found:
            continue
        first = found[0]
        pairs = [f"{row.first} -> {row.second}" for row in found]
        yield Finding(
            message=f"{first.second} gets what {first.first} put out ({first.inputs} -> {first.inner} -> "
            f"{first.outputs}), with no activation between: together they are one linear layer"
            + (f". So it is with {names_shown(pairs[1:])}." if len(pairs) > 1 else "."),
            advice=f"Put an activation between them (`relu({first.first}(x))`), or merge the two into one layer.",
            where=SourceLine.of(first),
            names=tuple(name for row in found for name in (row.first, row.second)),
            evidence=(Measure("pairs without an activation between", len(found), "0"),),
        )


def _idle(row: Chained) -> bool:
    """Whether the pair could be one layer without loss: no bottleneck, no other taker, both of one module."""
    siblings = row.first.rpartition(".")[0] == row.second.rpartition(".")[0]
    return (
        not row.through
        and siblings
        and row.first != row.second
        and row.takers == 1
        and row.inner >= min(row.inputs, row.outputs)
    )
