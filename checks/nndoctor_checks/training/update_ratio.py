"""R33 update-ratio."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, names_shown
from nndoctor.records import OBSERVE, Optimizer, Parameter, Step, TensorStats
from nndoctor_checks.tensors import matrices, update_ratios

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TINY = 1e-4
"""A rate below is rarely meant for weights that are trained from the start."""
WARM_UP = 2.0
"""A learning rate that more than doubles over the observed steps is still being warmed up."""


@check(
    "update-ratio",
    reason="R33",
    severity=Severity.WARNING,
    needs=[Parameter, TensorStats],
    treatments=["learning-rate-x0.1", "learning-rate-x0.01", "learning-rate-x100", "usual-learning-rate"],
    watched=True,
)
def update_ratio(
    run: Recording,
    *,
    lowest: float = 1e-5,  # a hundredth of the usual 1e-3: thousands of steps to change a weight by a tenth
    highest: float = 1e-1,  # a weight that is replaced within ten steps
    apart: float = 100.0,  # how far above a slow weight the others are, where they are not all slow
    min_steps: int = 5,  # sampled steps
) -> Iterator[Finding]:
    """Single weights change far too little or far too much in each step.

    ## What it does
    Measures std(update) / std(weight) of each weight matrix in the sampled steps, with the update as it really
    happened. Reports those above `highest` (median over the second half of the steps), and those that never came above
    `lowest` while others are `apart` times faster or while no warm-up of the learning rate explains it. Biases,
    embeddings that are slow, loaded weights and weights that start at zero are left out.

    ## Why is this bad?
    About 1e-3 is healthy: a weight then takes some hundred steps to change by as much as its own size. At 1e-6 it
    stands still for the whole training; at 0.1 and more each step throws away what the one before has learnt.

    ## Example
    ```python
    optimizer = torch.optim.Adam([{"params": encoder.parameters(), "lr": 1e-8}, {"params": head.parameters()}])
    ```

    Use instead:
    ```python
    optimizer = torch.optim.Adam([{"params": encoder.parameters(), "lr": 1e-3}, {"params": head.parameters()}])
    ```

    ## Known problems
    Slow layers are sometimes meant (layer-wise learning rates for a part that was trained elsewhere and copied by
    hand).

    ## References
    - [Stanford CS231n, Neural Networks Part 3: ratio of weights to updates](https://cs231n.github.io/neural-networks-3/#ratio)
    """
    judged = False
    for segment in dict.fromkeys(p.segment for p in run.rows(Parameter)):
        ratios = update_ratios(run, segment)
        rows = {p.name: p for p in matrices(run, segment) if p.std > 0 and not p.loaded}
        known = {n: [r for _, r in ratios[n]] for n in rows if n in ratios and len(ratios[n]) >= min_steps}
        moving = {n: values for n, values in known.items() if max(values) > 0}  # others do not update at all
        judged = judged or bool(moving)
        late = {n: median(values[len(values) // 2 :]) for n, values in moving.items()}
        fast = {n: value for n, value in late.items() if value > highest}
        slow = {n: max(values) for n, values in moving.items() if max(values) < lowest and _counts(rows[n])}
        quickest = max(late.values(), default=0.0)
        slow = {n: v for n, v in slow.items() if quickest > apart * v or not _warming(run, segment)}
        for found in (fast, slow):
            if found:
                yield _finding(run, [rows[n] for n in found], found, late, (lowest, highest))
    if not judged:
        raise Skip("too few updates of weights were measured")


def _counts(p: Parameter) -> bool:
    """Whether a slow weight is worth a word: most rows of an embedding are not in a batch."""
    return "Embedding" not in p.module_type


def _warming(run: Recording, segment: int) -> bool:
    rates = [s.lr for s in run.rows(Step) if s.experiment == OBSERVE and s.segment == segment and s.lr > 0]
    return len(rates) > 1 and rates[-1] > WARM_UP * rates[0]


def _rates(rate: float, *, slow: bool) -> tuple[str, ...]:
    """Return the rates to be tried, the likeliest first: a hundred times off the usual is where this is reported."""
    if not slow:
        return ("learning-rate-x0.1", "learning-rate-x0.01")
    higher = ("usual-learning-rate", "learning-rate-x100")
    return higher if rate < TINY else higher[::-1]


def _finding(
    run: Recording,
    weights: Sequence[Parameter],
    found: dict[str, float],
    late: dict[str, float],
    limits: tuple[float, float],
) -> Finding:
    names = tuple(found)
    value = median(found.values())
    slow = value < limits[0]
    others = [v for n, v in late.items() if n not in found]
    beside = f" The other weights change by {median(others):.2g}." if others else ""
    rate = weights[0].lr
    of_rate = f" (learning rate {rate:.3g})" if rate > 0 else ""
    advice = (
        "Raise the learning rate of their parameter group, or find what makes their gradient so small "
        "(a large constant in the loss, a scale before the layer)."
        if slow
        else "Lower the learning rate (of their parameter group) by a factor of ten, or start with larger weights."
    )
    optimizer = next((o for o in run.rows(Optimizer) if o.name == weights[0].optimizer), None)
    return Finding(
        message=f"In one step {names_shown(names)} change{'s' if len(names) == 1 else ''} by {value:.2g} of its size "
        f"(std of the update / std of the weight){of_rate}; about 0.001 is usual.{beside}",
        advice=advice,
        where=SourceLine.of(optimizer) or SourceLine.of(weights[0]),
        names=names,
        evidence=(
            Measure("update / weight", value, f"{limits[0]:g} to {limits[1]:g}"),
            Table(
                "Update / weight per step", ("weight", "ratio"), tuple((n, f"{v:.2g}") for n, v in late.items())[:30]
            ),
        ),
        treatments=_rates(rate, slow=slow),
    )
