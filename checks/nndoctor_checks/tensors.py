"""The weights of a network in the order of the forward pass, with what was measured of each, step by step."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from nndoctor.records import OBSERVE, Parameter, Step, TensorStats
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from nndoctor import Recording

LAYERS = ("Linear", "Conv")
"""How the types of modules that multiply with a weight matrix begin or end (`NonDynamicallyQuantizableLinear`)."""

ADAPTIVE = ("Adam", "RMSprop", "Adagrad", "Lion", "Adafactor", "NAdam", "RAdam")
"""Optimizers whose step has the size of the learning rate, however small or large the gradient is."""


def matrices(run: Recording, segment: int) -> list[Parameter]:
    """Return the trainable weights with at least two dimensions, in the order of the forward pass."""
    rows = [
        p
        for p in run.rows(Parameter)
        if p.segment == segment and p.requires_grad and p.called and len(p.shape) >= 2 and p.numel > 1
    ]
    return sorted(rows, key=lambda p: p.order)


def by_root(weights: list[Parameter]) -> dict[str, list[Parameter]]:
    """Return the weights of each model: a generator and its critic are two."""
    found: defaultdict[str, list[Parameter]] = defaultdict(list)
    for weight in weights:
        found[weight.root].append(weight)
    return dict(found)


def is_layer(weight: Parameter) -> bool:
    """Whether it is the weight of a linear or convolutional layer (no embedding, no recurrent cell)."""
    kind = weight.module_type
    return (kind.startswith(LAYERS) or kind.endswith(LAYERS)) and weight.name.rpartition(".")[2] == "weight"


def sampled(run: Recording, kind: str, segment: int) -> dict[str, list[TensorStats]]:
    """Return the statistics of each tensor of one kind, step by step, up to the first NaN or Inf."""
    found: defaultdict[str, list[TensorStats]] = defaultdict(list)
    for row in observed(run, TensorStats):
        if row.segment == segment and row.kind == kind and row.non_finite == 0:
            found[row.name].append(row)
    return dict(found)


def root_mean_square(row: TensorStats) -> float:
    """Return the typical size of one element of a tensor."""
    return row.norm / math.sqrt(row.numel) if row.numel > 0 else math.nan


def update_ratios(run: Recording, segment: int) -> dict[str, list[tuple[int, float]]]:
    """Return std(update) / std(weight) of each parameter in each sampled step; none where the weight is constant.

    Iterations that only gather gradients for a later step of the optimizer are left out: nothing is to change in them.
    """
    updates, idle = sampled(run, "update", segment), _gathering(run, segment)
    found: dict[str, list[tuple[int, float]]] = {}
    for name, weights in sampled(run, "weight", segment).items():
        stds = {row.step: row.std for row in weights}
        rows = [row for row in updates.get(name, ()) if row.step not in idle]
        pairs = [(row.step, row.std, stds.get(row.step, math.nan)) for row in rows]
        ratios = [(step, change / std) for step, change, std in pairs if std > 0 and math.isfinite(change)]
        if ratios:
            found[name] = ratios
    return found


def _gathering(run: Recording, segment: int) -> frozenset[int]:
    steps = [s for s in run.rows(Step) if s.experiment == OBSERVE and s.segment == segment]
    if not any(s.optimizer_steps for s in steps):
        return frozenset()
    return frozenset(s.step for s in steps if not s.optimizer_steps)


def gradient_sizes(run: Recording, segment: int, *, least: int = 3) -> dict[str, float]:
    """Return the typical size of an element of each gradient, median over the sampled steps.

    The first step is left out: behind a layer that starts at zero there is no gradient in it. Tensors with fewer than
    `least` other steps are left out, too.
    """
    sizes = {}
    for name, rows in sampled(run, "gradient", segment).items():
        values = [s for r in rows[1:] if math.isfinite(s := root_mean_square(r))]
        if len(values) >= least:
            sizes[name] = median(values)
    return sizes
