"""R33 weight-distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, names_shown
from nndoctor.records import Parameter
from nndoctor_checks.tensors import is_layer, matrices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check("weight-distribution", reason="R33", severity=Severity.NOTE, needs=[Parameter], explains=["activation-mean"])
def weight_distribution(
    run: Recording,
    *,
    one_sided: float = 1.0,  # abs(mean) / std; a uniform distribution from 0 to a has 1.7
    outlier: float = 20.0,  # absmax / std; a million draws from a Gaussian stay below 6
    min_weights: int = 256,  # of a matrix: the mean of fewer is a matter of chance
) -> Iterator[Finding]:
    """Initial weights are not spread around zero.

    ## What it does
    Looks at the weights of linear and convolutional layers at the start, and reports those whose mean is larger than
    their std, or of which one weight is more than `outlier` times as large as their std. Loaded weights are left out.

    ## Why is this bad?
    Weights of one sign make all units of a layer follow the sum of their inputs, so that they begin as near copies of
    each other. A single huge weight decides alone what its unit does.

    ## Example
    ```python
    nn.init.uniform_(layer.weight)  # from 0 to 1
    ```

    Use instead:
    ```python
    nn.init.xavier_uniform_(layer.weight)
    ```

    ## Known problems
    Fixed filters (averages, edges) and identity matrices have such distributions on purpose.

    ## References
    - Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    """
    judged = False
    for segment in dict.fromkeys(p.segment for p in run.rows(Parameter)):
        weights = [
            p
            for p in matrices(run, segment)
            if is_layer(p) and not p.loaded and p.numel >= min_weights and 0 < p.std < math.inf
        ]
        judged = judged or bool(weights)
        sided = [p for p in weights if abs(p.mean) > one_sided * p.std]
        spiked = [p for p in weights if p not in sided and p.absmax > outlier * p.std]
        if sided:
            text = "have weights nearly all of one sign: their mean is {:.3g} times their std"
            yield _finding(sided, [abs(p.mean) / p.std for p in sided], text, "abs(mean) / std", one_sided)
        if spiked:
            text = "have single weights up to {:.3g} times as large as their std"
            yield _finding(spiked, [p.absmax / p.std for p in spiked], text, "absmax / std", outlier)
    if not judged:
        raise Skip("no linear or convolutional layer with enough fresh weights was seen")


def _finding(weights: Sequence[Parameter], ratios: Sequence[float], text: str, label: str, most: float) -> Finding:
    names = tuple(p.name for p in weights)
    rows = tuple((n, f"{r:.3g}") for n, r in zip(names, ratios, strict=True))
    return Finding(
        message=f"{names_shown(names)} {text.format(max(ratios))}.",
        advice="Start weights at random around zero: `nn.init.xavier_uniform_` or `nn.init.kaiming_normal_`, or leave "
        "PyTorch's own initialisation as it is.",
        where=SourceLine.of(weights[0]),
        names=names,
        evidence=(Measure(label, max(ratios), f"<= {most:g}"), Table("Weights", ("weight", label), rows[:30])),
    )
