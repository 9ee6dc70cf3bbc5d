"""R22 recreated-layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Module, Recreated

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "recreated-layer",
    reason="R22",
    severity=Severity.ERROR,
    needs=[Module],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "fails-on-solvable-data",
        "ignores-input",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "parameters-not-in-optimizer",
        "parameters-not-updating",
        "train-mode-in-validation",
        "unregistered-parameters",
        "update-ratio",
    ],
)
def recreated_layer(
    run: Recording,
    *,
    min_steps: int = 3,  # a layer that is built in the first forward and kept is seen in one step
) -> Iterator[Finding]:
    """A layer with weights is built anew in every forward pass.

    ## What it does
    Reports layers with parameters of their own that were built and called inside the forward of a model to which they
    do not belong, a new one in at least `min_steps` of the observed steps.

    ## Why is this bad?
    Each pass draws new random weights. They are in no optimizer, so nothing that this layer does is ever learnt, and
    the layers after it get an input that is mixed differently every time.

    ## Example
    ```python
    def forward(self, x):
        return nn.Linear(64, 10)(self.body(x))
    ```

    Use instead:
    ```python
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.body(x))
    ```

    ## Known problems
    Tensors with `requires_grad` that are drawn in forward without a layer are not seen.

    ## References
    - [PyTorch, Modules](https://pytorch.org/docs/stable/notes/modules.html): submodules are made in the constructor
    """
    for row in run.rows(Recreated):
        if row.steps < min_steps or row.instances < row.steps:
            continue
        yield Finding(
            message=f"In {row.steps} steps {row.instances} new layers of type {row.type} with {row.parameters} weights "
            f"each were built in the forward of {row.name}: their weights are random every time and never trained.",
            advice=f"Build it once, in `__init__` (`self.layer = nn.{row.type}(...)`), and call `self.layer` in "
            "`forward`.",
            where=SourceLine.of(row),
            names=(row.name,),
            evidence=(Measure("layers built in forward passes", row.instances, "0"),),
        )
