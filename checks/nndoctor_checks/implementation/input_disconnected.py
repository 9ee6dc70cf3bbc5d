"""R04 input-disconnected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import Independence
from nndoctor_checks.connection import disconnected

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "input-disconnected",
    reason="R04",
    severity=Severity.ERROR,
    needs=[Independence],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "fails-on-solvable-data",
        "ignores-input",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "parameters-not-updating",
        "update-ratio",
        "vanishing-gradient",
    ],
)
def input_disconnected(run: Recording) -> Iterator[Finding]:
    """The output of the network does not depend on its input.

    ## What it does
    At the end of the observed steps, puts the model in eval mode and replaces each of its inputs by something else of
    the same range; where nothing changes, does so again with the weights from which training began. It is an error if
    the output of the model that holds most of the trained weights stays exactly the same both times, whichever input
    is replaced. (A run that diverged has a constant output at its end, a last layer that begins with zeros at its
    start.) What changes nothing but the loss is the target, given to a model that works out the loss itself.

    ## Why is this bad?
    Such a network can learn one constant: the mean of the targets, or the shares of the classes. Somewhere in
    `forward` the input is overwritten, multiplied by zero, left out, or normalised over a dimension that has a single
    element (a softmax over one column is always 1).

    ## Example
    ```python
    def forward(self, x):
        features = torch.zeros_like(x)  # was meant to be filled
        return self.net(features)
    ```

    Use instead:
    ```python
    def forward(self, x):
        return self.net(x)
    ```

    ## Known problems
    Models whose output differs from call to call in eval mode, and models fed by something else than tensors with the
    batch as a dimension, cannot be judged.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 4: make sure your input is connected
      to your output)
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019 (input-independent baseline)
    """
    unknown = [row.why for row in run.rows(Independence) if row.why]
    if unknown and len(unknown) == len(run.rows(Independence)):
        raise Skip(f"the model could not be asked: {unknown[0]}")
    for (_, module), rows in disconnected(run).items():
        leaves = [row.leaf for row in rows]
        yield Finding(
            message=f"The output of {module} stayed exactly the same when its whole input was replaced "
            f"({names_shown(leaves)}).",
            advice="Follow `x` through `forward` line by line, and print it after each: it is overwritten, multiplied "
            "by 0, left out, or normalised over a dimension of size 1.",
            where=SourceLine.of(rows[0]),
            names=(module,),
            evidence=(Measure("inputs that change the output", 0, f">= 1 of {len(rows)}"),),
        )
