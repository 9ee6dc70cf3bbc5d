"""R30 over-regularised."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, names_shown
from nndoctor.records import OBSERVE, Optimizer, TensorStats
from nndoctor_checks.descent import descent, factor_of
from nndoctor_checks.tensors import matrices, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator

COUPLED = ("SGD", "Adam", "RMSprop")
"""Optimizers that add weight decay to the gradient."""
DECOUPLED = ("AdamW",)
"""Those that take it off the weights, times the learning rate."""


@check(
    "over-regularised",
    reason="R30",
    severity=Severity.WARNING,
    needs=[Optimizer, TensorStats],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "fails-on-solvable-data",
        "ignores-input",
        "learning-rate-too-low",
    ],
    treatments=["no-weight-decay", "no-dropout"],
)
def over_regularised(
    run: Recording,
    *,
    most: float = 1.0,  # decay / gradient: the weights go where the decay wants them to
    min_share: float = 0.5,  # of the weights
    min_steps: int = 5,  # sampled steps
) -> Iterator[Finding]:
    """Weight decay moves the weights more than the gradient does.

    ## What it does
    Compares, for each weight matrix in the sampled steps, what weight decay adds to the gradient with the gradient
    itself (SGD, Adam, RMSprop), or the part of the update that is decay with the rest of it (AdamW). Reports if for
    more than half of the weights the decay is larger, by the median over the second half of the steps. Optimizers with
    several groups and loaded weights are left out. It is a note if the decay is usual and only a constant that the
    loss is multiplied with makes the gradient so small.

    ## Why is this bad?
    The weights then shrink whatever the data says. The model ends up predicting the same for every input, and no
    learning rate helps, because both parts grow with it.

    ## Example
    ```python
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=0.1)
    ```

    Use instead:
    ```python
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=1e-4)
    ```

    ## Known problems
    At the very end of a training gradients are small and decay balances them; the first steps are looked at.

    ## References
    - Goodfellow, Bengio, Courville, Deep Learning, chapter 7.1 (parameter norm penalties)
    - Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019
    """
    judged = False
    optimizers = {o.name: o for o in run.rows(Optimizer) if o.groups == 1 and o.type in COUPLED + DECOUPLED}
    for segment in dict.fromkeys(t.segment for t in run.rows(TensorStats)):
        gradients, updates = sampled(run, "gradient", segment), sampled(run, "update", segment)
        values = sampled(run, "weight", segment)
        for optimizer in optimizers.values():
            ratios = {}
            held = [p for p in matrices(run, segment) if p.optimizer == optimizer.name and not p.loaded]
            for p in held:
                moved = (updates if optimizer.type in DECOUPLED else gradients).get(p.name, [])
                found = _ratios(optimizer, p.lr, values.get(p.name, []), moved)
                if len(found) >= min_steps:
                    ratios[p.name] = median(found[len(found) // 2 :])
            judged = judged or bool(ratios)
            whole = sum(p.numel for p in held if p.name in ratios)
            wrong = {n: r for n, r in ratios.items() if r > most}
            part = sum(p.numel for p in held if p.name in wrong)
            if wrong and part > min_share * whole:
                factor = _factor(run, segment) if optimizer.type in COUPLED else 1.0
                yield _finding(optimizer, wrong, most, factor)
    if not judged:
        raise Skip("no optimizer with one group whose weight decay could be compared was seen")


def _ratios(optimizer: Optimizer, lr: float, weights: list[TensorStats], moved: list[TensorStats]) -> list[float]:
    """Return decay / gradient in each sampled step; for decoupled decay, decay / rest of the update."""
    sizes = {row.step: _size(row) for row in weights}
    found = []
    for row in moved:
        decay = optimizer.weight_decay * sizes.get(row.step, math.nan)
        other = _size(row)
        if optimizer.type in DECOUPLED:
            decay *= lr
            other -= decay  # at least: where both have one direction
        if math.isfinite(decay) and math.isfinite(other) and _size(row) > 0:
            found.append(min(decay / other, 1e6) if other > 0 else 1e6)
    return found


def _size(row: TensorStats) -> float:
    return math.hypot(row.mean, row.std)


def _factor(run: Recording, segment: int) -> float:
    """Return what the script multiplies its loss with, where that is a constant below 1; else 1."""
    course = descent(run, OBSERVE, segment)
    factor = factor_of(run, course, segment) if course is not None else math.nan
    return factor if 0 < factor < 1 else 1.0


def _finding(optimizer: Optimizer, wrong: dict[str, float], most: float, factor: float) -> Finding:
    names = tuple(wrong)
    value = median(wrong.values())
    if value * factor <= most:
        return Finding(
            message=f"With weight_decay={optimizer.weight_decay:g}, decay moves {names_shown(names)} {value:.2g} times "
            f"as much as the gradient of the loss, which is multiplied by {factor:.2g}; without that it would be "
            f"{value * factor:.2g} times.",
            advice="Take the constant out of the loss: `loss.backward()`.",
            where=SourceLine.of(optimizer),
            names=names,
            evidence=(Measure("weight decay / gradient", value, f"< {most:g}"),),
            severity=Severity.NOTE,
            treatments=(),
        )
    return Finding(
        message=f"With weight_decay={optimizer.weight_decay:g}, decay moves {names_shown(names)} {value:.2g} times as "
        "much as the gradient of the loss.",
        advice=f"Train with `weight_decay=0` to see that it learns, then begin with 1e-4 (in {optimizer.type}) and "
        "raise it only while the validation loss falls.",
        where=SourceLine.of(optimizer),
        names=names,
        evidence=(
            Measure("weight decay / gradient", value, f"< {most:g}"),
            Table("Weights", ("weight", "decay / gradient"), tuple((n, f"{v:.2g}") for n, v in wrong.items())[:30]),
        ),
    )
