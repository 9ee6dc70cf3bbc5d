"""Whether the gradient grows on its way back from the loss to the first layers."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor_checks.tensors import by_root, matrices, root_mean_square, sampled

if TYPE_CHECKING:
    from nndoctor import Recording
    from nndoctor.records import Parameter

GROWTH = 1e3
"""First layers / last layer, per element. In healthy networks the first layers get less, or about as much."""
REPLACING = 10.0
"""Norm of the gradient / norm of the weight: a step at a learning rate of 0.1 would replace the weight."""
EARLY = 1
"""Sampled steps that count as the start of the run: from the first update on, the learning rate has a hand in it."""


def grown(
    run: Recording, segment: int, *, growth: float = GROWTH, early: bool = False
) -> list[tuple[Parameter, float, float]]:
    """Return the weights whose gradient is much larger than that of the model's last weight: (weight, size, last).

    One such weight alone may just be fed large inputs, so there must be two, and their gradients must be large beside
    the weights themselves. Sizes are medians over the sampled steps, or over the first few with `early`.
    """
    gradients, weights = sampled(run, "gradient", segment), sampled(run, "weight", segment)
    count = EARLY if early else None
    sizes = {n: median(root_mean_square(r) for r in rows[:count]) for n, rows in gradients.items()}
    norms = {n: median(r.norm for r in rows) for n, rows in gradients.items()}
    own = {n: median(r.norm for r in rows) for n, rows in weights.items()}
    found = []
    for layers in by_root(matrices(run, segment)).values():
        known = [p for p in layers if 0 < sizes.get(p.name, 0.0) < math.inf and own.get(p.name, 0.0) > 0]
        if len(known) < 3:
            continue
        last = sizes[known[-1].name]
        large = [p for p in known[:-1] if sizes[p.name] > growth * last and norms[p.name] > REPLACING * own[p.name]]
        if len(large) >= 2:
            found += [(p, sizes[p.name], last) for p in large]
    return found


def explodes_from_the_start(run: Recording, segment: int) -> bool:
    """Whether the gradient already explodes through the depth in the first step, before any rate could do harm."""
    return bool(grown(run, segment, early=True))
