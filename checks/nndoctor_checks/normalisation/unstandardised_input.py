"""R12 unstandardised-input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, check
from nndoctor.records import Batch, Module, TensorStats
from nndoctor_checks.batches import (
    by_leaf,
    inputs,
    leaf_name,
    main_leaves,
    place_of,
    samples,
    training_batches,
    width,
)
from nndoctor_checks.observed import observed
from nndoctor_checks.profiles import Profile, judged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NORMALISERS = ("BatchNorm", "LazyBatchNorm", "LayerNorm", "InstanceNorm", "GroupNorm", "RMSNorm")
LAYERS = ("Linear", "Conv", "LazyLinear", "LazyConv")


@check(
    "unstandardised-input",
    reason="R12",
    severity=Severity.WARNING,
    needs=[Batch],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "exploding-gradient",
        "fails-on-solvable-data",
        "initial-loss",
        "initialisation-scale",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "non-finite",
        "saturated-activation",
        "update-ratio",
        "vanishing-gradient",
    ],
    treatments=["standardise-inputs"],
)
def unstandardised_input(
    run: Recording,
    *,
    offset: float = 3.0,  # |mean| over standard deviation: all data lies on one side of 0
    low: float = 0.05,  # standard deviation; [0, 1] images have 0.2 to 0.35
    high: float = 20.0,  # standard deviation; raw grey values have 50 to 80
    small: float = 0.25,  # sparse data (TF-IDF, rare flags) has a small deviation but large single values
    inside: float = 0.05,  # first layer's output over its input; the default initialisation gives 0.58
    min_samples: int = 30,
) -> Iterator[Finding]:
    """The input is not scaled to about mean 0 and standard deviation 1.

    ## What it does
    Looks at the floating-point inputs of the model. Warns if their mean lies more than `offset` standard deviations
    from 0 (and outside [0, 1]), if their standard deviation is below `low` or above `high`, and if they are raw grey
    values. For tables the columns are looked at one by one. Flags, one-hot codes and bags of words are left alone, and
    so is a model that normalises its input itself.

    ## Why is this bad?
    Initial weights and usual learning rates are made for inputs of about unit scale. Large inputs give large gradients
    and saturate or kill units in the first steps; a large mean makes all weights of a unit move together, and the loss
    a narrow valley along which descent is slow.

    ## Example
    ```python
    x = torch.tensor(images).float()  # 0 to 255
    ```

    Use instead:
    ```python
    x = torch.tensor(images).float() / 255
    x = (x - train_mean) / train_std
    ```

    ## Known problems
    A division in the model's own forward is seen only by its effect: the first layer's output is then small.

    ## References
    - LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998 (section 4.3, normalizing the inputs)
    - Stanford CS231n, Neural Networks Part 2: data preprocessing
    """
    segments = training_batches(run)
    floats = {
        segment: [b for b in inputs(rows) if judged(b) and b.std > 0 and not _adjacency(b)]
        for segment, rows in segments.items()
    }
    if not any(floats.values()):
        raise Skip("no floating-point input of the model was seen")
    found: set[tuple[str, str]] = set()
    for segment, rows in floats.items():
        # Against all inputs, so that a few numbers beside a large image of integers are not taken for the data.
        data = main_leaves(by_leaf(inputs(segments[segment])))
        for leaf, of in by_leaf(rows).items():
            if leaf not in data or leaf in found or sum(map(samples, of)) < min_samples:
                continue
            seen = Profile.of(of)
            fault = _pixels(of, seen) or _scale(seen, offset, low, high, small) or _columns(seen, offset, high)
            if fault and not _normalised_inside(run, segment, seen, inside):
                found.add(leaf)
                yield _finding(run, leaf, seen, fault)


def _adjacency(row: Batch) -> bool:
    """Whether a leaf looks like the matrix of a graph: its values are weights of edges, not features."""
    return row.source == "call" and len(row.shape) == 2 and row.shape[0] == row.shape[1]


def _pixels(rows: Sequence[Batch], seen: Profile) -> str:
    whole = all(r.integral for r in rows) and width(rows[0]) >= 16
    if whole and seen.min >= 0 and 64 < seen.max <= 255:
        return f"holds whole numbers from {seen.min:g} to {seen.max:g}: grey values that were not divided by 255"
    return ""


def _scale(seen: Profile, offset: float, low: float, high: float, small: float) -> str:
    if seen.std > high:
        return f"has a standard deviation of {seen.std:.3g}"
    if seen.std < low and max(abs(seen.min), abs(seen.max)) < small:
        return f"has a standard deviation of only {seen.std:.2g}"
    # Bright images in [0, 1] lie far from 0 for their deviation, and do no harm.
    bounded = seen.min >= 0 and seen.max <= 1 and seen.std >= low
    if abs(seen.mean) > offset * seen.std and not bounded:
        return f"has a mean of {seen.mean:.3g} at a standard deviation of {seen.std:.3g}"
    return ""


def _columns(seen: Profile, offset: float, high: float) -> str:
    """Judge the columns of a table; rare flags among them have small deviations and are not meant."""
    bad = [(m, s) for m, s in seen.columns if s > high or (s > 0 and abs(m) > max(1.0, offset * s))]
    if 2 * len(bad) <= len(seen.columns):
        return ""
    mean, std = max(bad, key=lambda pair: abs(pair[0]))
    return f"has {len(bad)} of {len(seen.columns)} columns off scale (one has mean {mean:.3g}, deviation {std:.3g})"


def _normalised_inside(run: Recording, segment: int, seen: Profile, inside: float) -> bool:
    """Whether the model begins with a normalisation, or its first layer gives out far less than came in."""
    called = sorted((m for m in run.rows(Module) if m.segment == segment and m.order >= 0), key=lambda m: m.order)
    leaves = [m for m in called if not m.children]
    if leaves and leaves[0].type.startswith(NORMALISERS):
        return True
    first = [
        t
        for t in observed(run, TensorStats)
        if (t.kind, t.segment, t.step) == ("activation", segment, 0) and t.type.startswith(LAYERS)
    ]
    if not first:
        return False
    layer = min(first, key=lambda t: t.order)
    came_in = math.hypot(seen.mean, seen.std)
    return came_in > 1 and math.hypot(layer.mean, layer.std) < inside * came_in


def _finding(run: Recording, leaf: tuple[str, str], seen: Profile, fault: str) -> Finding:
    source, path = leaf
    return Finding(
        message=f"The model's input ({leaf_name(path)}) {fault}.",
        advice="Standardise it with the training set's statistics, the same for all splits: "
        "`x = (x - train_mean) / train_std` (images: divide by 255 first; tables: one mean and deviation per column).",
        where=place_of(run, source),
        names=(path,) if path else (),
        evidence=(
            Measure("mean", seen.mean, "about 0"),
            Measure("standard deviation", seen.std, "about 1"),
            Measure("smallest value", seen.min, ""),
            Measure("largest value", seen.max, ""),
        ),
    )
