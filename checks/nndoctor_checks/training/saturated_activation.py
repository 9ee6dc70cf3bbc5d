"""R35 saturated-activation."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve, names_shown
from nndoctor.records import Module, TensorStats
from nndoctor_checks.tensors import matrices, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FLAT = ("tanh", "sigmoid")
"""Functions with two flat tails, in lower case; a softmax may be certain for good reasons."""
FEW_CALLS = 3
"""A module that runs more often in one step is a cell of a recurrent network: its typical call counts."""


@check(
    "saturated-activation",
    reason="R35",
    severity=Severity.WARNING,
    needs=[TensorStats],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "fails-on-solvable-data",
        "ignores-input",
        "input-disconnected",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "update-ratio",
        "vanishing-gradient",
    ],
    watched=True,
    relief=["reinitialise", "standardise-inputs"],
)
def saturated_activation(
    run: Recording,
    *,
    share: float = 0.5,  # the usual limit of others: more than half of |tanh| above 0.95
    min_steps: int = 3,  # sampled steps
) -> Iterator[Finding]:
    """Most outputs of a hidden sigmoid or tanh lie in its flat tails.

    ## What it does
    Takes the share of outputs where the slope is below a tenth of the steepest one (|tanh| > 0.95, sigmoid < 0.025 or
    > 0.975), and reports hidden layers where its median over the sampled steps is above `share`. The output of a model
    is left alone, since a good classifier is certain of most samples, and so are the gates of recurrent cells.

    ## Why is this bad?
    In the tails the function hardly reacts to its input, so hardly any gradient passes. The layers before it learn
    slowly or not at all. Usual causes are inputs or weights that are too large, a division by a small temperature, or
    a learning rate that drove the weights outwards.

    ## Example
    ```python
    h = torch.tanh(layer(x) / 0.02)
    ```

    Use instead:
    ```python
    h = torch.tanh(layer(x))
    ```

    ## Known problems
    Codes that are meant to be binary (hashing, hard attention) and gates written as single sigmoids look the same.

    ## References
    - Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    """
    judged = False
    for segment in dict.fromkeys(t.segment for t in run.rows(TensorStats)):
        found = {}
        for name, rows in sampled(run, "activation", segment).items():
            shares = _by_step(rows)
            if len(shares) < min_steps or not _hidden(run, rows[0], segment):
                continue
            judged = True
            if median(shares.values()) > share:
                found[name] = shares
        if found:
            yield _finding(run, segment, found, share)
    if not judged:
        raise Skip("no hidden sigmoid or tanh was seen")


def _by_step(rows: Sequence[TensorStats]) -> dict[int, float]:
    """Return the saturated share of each sampled step: of its worst call, or of the typical one of a recurrent cell."""
    calls: defaultdict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row.type.lower() in FLAT and math.isfinite(row.saturated_share):
            calls[row.step].append(row.saturated_share)
    return {step: max(v) if len(v) <= FEW_CALLS else median(v) for step, v in calls.items()}


def _hidden(run: Recording, row: TensorStats, segment: int) -> bool:
    """Whether a layer with weights of the same model follows, and the function is no gate of a recurrent cell."""
    modules = {m.name: m for m in run.rows(Module) if m.segment == segment}
    owner = modules.get(row.name) or modules.get(row.name.rpartition(".")[0])
    layers = {w.module: w for w in matrices(run, segment)}
    later = (
        t
        for t in run.rows(TensorStats)
        if t.segment == segment and t.kind == "activation" and t.order > row.order and t.name in layers
    )
    if not any(owner is None or not owner.root or layers[t.name].root == owner.root for t in later):
        return False
    steps = len({t.step for t in run.rows(TensorStats) if t.segment == segment and t.name == row.name})
    often = sum(t.segment == segment and t.name == row.name and t.kind == "activation" for t in run.rows(TensorStats))
    return not (row.type.lower() == "sigmoid" and often > steps)


def _finding(run: Recording, segment: int, found: dict[str, dict[int, float]], share: float) -> Finding:
    worst = max(found, key=lambda name: median(found[name].values()))
    value = median(found[worst].values())
    modules = {m.name: m for m in run.rows(Module) if m.segment == segment}
    names = (worst, *(n for n in found if n != worst))
    more = f" The same holds for {names_shown(names[1:])}." if len(names) > 1 else ""
    return Finding(
        message=f"{value:.0%} of the outputs of `{worst}` were in its flat tails (median over {len(found[worst])} "
        f"sampled "
        f"steps), where hardly any gradient passes.{more}",
        advice="Make its inputs smaller: standardise the data, initialise the layer before it with "
        "`nn.init.xavier_uniform_`, put a normalisation layer in between, or lower the learning rate.",
        where=SourceLine.of(modules.get(worst) or modules.get(worst.rpartition(".")[0])),
        names=names,
        since=(segment, min(step for shares in found.values() for step, value in shares.items() if value > share)),
        evidence=(
            Measure("share of saturated outputs", value, f"<= {share:g}"),
            curve("saturated share by step", list(found[worst]), list(found[worst].values())),
        ),
    )
