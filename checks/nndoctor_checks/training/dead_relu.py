"""R35 dead-relu."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, names_shown
from nndoctor.records import OBSERVE, Module, TensorStats, Units
from nndoctor_checks.numerics import accidents
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RECTIFIERS = ("ReLU", "relu", "relu_")
"""Only those whose slope is exactly 0 on the one side and which do not saturate on the other."""


@check(
    "dead-relu",
    reason="R35",
    severity=Severity.WARNING,
    needs=[Units],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "fails-on-solvable-data",
        "ignores-input",
        "input-disconnected",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "parameters-not-updating",
        "update-ratio",
        "vanishing-gradient",
    ],
    relief=["reinitialise", "learning-rate-x0.1"],
)
def dead_relu(
    run: Recording,
    *,
    share: float = 0.4,  # others warn at 40 to 50 % of the units
    severe: float = 0.9,  # and call 90 to 95 % critical
    min_samples: int = 64,  # a unit that fires for one sample in ten is seen with 99.9 % certainty
    min_units: int = 4,  # one dead unit of three is bad luck
) -> Iterator[Finding]:
    """Units of a ReLU layer are zero for every input.

    ## What it does
    Counts, over the second half of the observed steps, the units (channels of a convolution) of each ReLU that were
    above zero for at least one sample. Reports layers in which more than `share` never were; above `severe` as an
    error. That most outputs are zero at any one time is not meant: that is what a ReLU is for. Nor is a layer to which
    nothing but zeros comes from the beginning.

    ## Why is this bad?
    A unit that is zero for all inputs gets no gradient, so it cannot come back by itself, only if the layers before it
    change what it is given. Else a smaller network remains than the one that is paid for, and if a whole layer is dead,
    everything before it stops learning. The usual cause is one
    step that was too large, or biases that start far below zero.

    ## Example
    ```python
    nn.init.constant_(layer.bias, -1.0)
    ```

    Use instead:
    ```python
    nn.init.zeros_(layer.bias)
    ```

    ## Known problems
    Layers that are sparse on purpose (a mixture of experts, top-k) look the same, and so do rare classes' units if few
    batches were seen.

    ## References
    - [Lu et al., Dying ReLU and Initialization, 2019](https://arxiv.org/abs/1903.06733)
    """
    judged = False
    for segment in dict.fromkeys(u.segment for u in run.rows(Units)):
        if accidents(run, segment):
            continue  # NaN is not above zero either
        rows = [u for u in run.rows(Units) if u.segment == segment and u.experiment == OBSERVE]
        rows = [u for u in rows if u.type in RECTIFIERS and u.units >= min_units and u.samples >= min_samples]
        judged = judged or bool(rows)
        starved = _starved(run, segment)
        dead = sorted((u for u in rows if _dead(u) > share and u.name not in starved), key=_dead, reverse=True)
        if dead:
            yield _finding(run, dead, severe, share)
    if not judged:
        raise Skip("no ReLU layer was seen with enough samples and finite values")


def _starved(run: Recording, segment: int) -> frozenset[str]:
    """Return the layers to which nothing but zeros came when they were first measured: a unit is not dead for that."""
    steps: defaultdict[int, dict[int, TensorStats]] = defaultdict(dict)
    for row in observed(run, TensorStats):
        if row.segment == segment and row.kind == "activation":
            steps[row.step][row.order] = row
    if not steps:
        return frozenset()
    ordered = [row for _, row in sorted(steps[min(steps)].items())]
    return frozenset(row.name for before, row in pairwise(ordered) if before.absmax == 0)


def _dead(row: Units) -> float:
    return 1 - row.fired / row.units


def _finding(run: Recording, dead: Sequence[Units], severe: float, share: float) -> Finding:
    worst = dead[0]
    names = tuple(u.name for u in dead)
    modules = {m.name: m for m in run.rows(Module) if m.segment == worst.segment}
    more = f", and more than {share:.0%} in {names_shown(names[1:])}" if len(dead) > 1 else ""
    return Finding(
        message=f"In `{worst.name}` {worst.units - worst.fired} of {worst.units} units ({_dead(worst):.0%}) were zero "
        f"for all of {worst.samples} samples{more}: they get no gradient, and come back only if what "
        "the layers before them give changes.",
        advice="Lower the learning rate by a factor of ten, leave the biases at zero, and keep the layer's input "
        "centred (standardised data, a normalisation layer before it); `nn.LeakyReLU()` or `nn.GELU()` cannot die.",
        where=SourceLine.of(modules.get(worst.name)),
        names=names,
        evidence=(
            Measure("share of dead units", _dead(worst), f"<= {share:g}"),
            Table(
                "Units that never fired",
                ("layer", "units", "dead", "share"),
                tuple((u.name, str(u.units), str(u.units - u.fired), f"{_dead(u):.0%}") for u in dead[:20]),
            ),
        ),
        since=(worst.segment, 1),  # what was counted is not the beginning
        severity=Severity.ERROR if _dead(worst) > severe else None,
        explains=None if _dead(worst) > severe else frozenset({"update-ratio"}),
    )
