"""Which curves TensorBoard shows, under which tags: `loss/observe`, `activations/net.1/std`, `updates/fc.weight/ratio`.

What stands before the first slash is the group that TensorBoard folds.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from nndoctor.records import OBSERVE, TRAIN, VALIDATION, Evaluation, LossCall, OptimizerStep, Step, TensorStats

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor.recording import Recording

GROUPS = {"activation": "activations", "gradient": "gradients", "weight": "weights", "update": "updates"}
"""The group of each kind of `TensorStats`."""
SHOWN = {
    "activation": ("mean", "std", "zero_share", "saturated_share"),
    "gradient": ("norm", "absmax"),
    "weight": ("std", "norm"),
    "update": ("norm",),
}
"""What is shown of each kind."""
BUCKETS_OF_THE_LOOP = 500
BUCKETS_OF_ALL_LAYERS = 30_000
"""Parts of a run of each of which a curve keeps its extremes; those of the layers share theirs."""
FEWEST_BUCKETS = 5


class Point(NamedTuple):
    """One value of a curve."""

    step: int
    value: float


Curves = dict[str, list[Point]]
"""Points by tag, in the order of their steps."""


def of_the_loop(run: Recording) -> Curves:
    """Return what there is one of in each step: loss, metric, learning rate, gradient norm, times."""
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for row in run.rows(Step):
        diet = row.experiment + phase(row.segment)
        found[f"loss/{diet}"].append(Point(row.step, row.loss))
        if not math.isnan(row.score):
            found[f"metric/accuracy/{diet}"].append(Point(row.step, row.score))
        if not math.isnan(row.lr):
            found[f"learning_rate/{diet}"].append(Point(row.step, row.lr))
        if row.experiment == OBSERVE:
            found[f"time/waiting_for_data{phase(row.segment)}"].append(Point(row.step, row.data_seconds))
            found[f"time/computing{phase(row.segment)}"].append(Point(row.step, row.compute_seconds))
    for call in run.rows(LossCall):
        if call.split == TRAIN and call.metric and not math.isnan(call.score):
            found[f"metric/{call.metric}/{call.experiment}{phase(call.segment)}"].append(Point(call.step, call.score))
    for made in run.rows(OptimizerStep):
        if made.experiment == OBSERVE and not math.isnan(made.gradient_norm):
            tag = f"gradient_norm/{tag_of(made.optimizer)}{phase(made.segment)}"
            found[tag].append(Point(made.step, made.gradient_norm))
    for each in run.rows(Evaluation):
        group = f"{each.split}_evaluation" if each.split not in ("", VALIDATION) else each.split or "evaluation"
        found[f"{group}/loss{phase(each.segment)}"].append(Point(each.step, each.loss))
        if each.metric:
            found[f"{group}/{each.metric}{phase(each.segment)}"].append(Point(each.step, each.score))
    return {tag: _by_step(points) for tag, points in found.items()}


def of_the_layers(run: Recording) -> Curves:
    """Return the statistics of activations, gradients, weights and updates, and the update-to-weight ratios."""
    found: defaultdict[str, list[Point]] = defaultdict(list)
    weights: dict[tuple[int, int, str], float] = {}
    for row in run.rows(TensorStats):
        if row.experiment != OBSERVE:
            continue
        stem = f"{GROUPS.get(row.kind, row.kind)}/{tag_of(row.name)}"
        for name in SHOWN.get(row.kind, ("std",)):
            value = getattr(row, name)
            # A share that was not measured is NaN; a NaN of the others is what one looks for.
            if not (math.isnan(value) and name.endswith("_share")):
                found[f"{stem}/{name}{phase(row.segment)}"].append(Point(row.step, value))
        if row.kind == "weight":
            weights[row.segment, row.step, row.name] = row.std
    for row in run.rows(TensorStats):
        std = weights.get((row.segment, row.step, row.name), 0.0)
        if row.kind == "update" and row.experiment == OBSERVE and std > 0:
            found[f"updates/{tag_of(row.name)}/ratio{phase(row.segment)}"].append(Point(row.step, row.std / std))
    # Layers without a rectifier have no zeros, and a curve for each of them says nothing.
    told = {tag: points for tag, points in found.items() if "_share" not in tag or any(p.value for p in points)}
    return {tag: _by_step(points) for tag, points in told.items()}


def news(curves: Curves, written: dict[str, int], *, buckets: int, final: bool) -> Iterator[tuple[str, Point]]:
    """Yield the points after those in `written` (the last step of each tag), thinned, and note them there.

    Each of `buckets` parts of the run so far gives the least and the greatest value and the first that is no number.
    While the run goes on, a tag waits until a whole part is there, so a run that doubles its length doubles nothing.
    """
    for tag, points in curves.items():
        last = written.get(tag, -1)
        width = max(1, (points[-1].step + 1) // max(1, buckets))
        fresh = [p for p in points if p.step > last]
        if not fresh or (not final and fresh[-1].step - last < width):
            continue
        for point in thinned(fresh, width):
            yield tag, point
        written[tag] = fresh[-1].step


def thinned(points: Sequence[Point], width: int) -> list[Point]:
    """Return first and last point, and of each `width` steps the extremes and the first NaN or infinity."""
    parts: defaultdict[int, list[int]] = defaultdict(list)
    for index, point in enumerate(points):
        parts[point.step // width].append(index)
    kept = {0, len(points) - 1}
    for part in parts.values():
        finite = [i for i in part if math.isfinite(points[i].value)]
        if finite:
            kept.add(min(finite, key=lambda i: points[i].value))
            kept.add(max(finite, key=lambda i: points[i].value))
        kept.update([i for i in part if not math.isfinite(points[i].value)][:1])
    return [points[i] for i in sorted(kept)]


def buckets_of_layers(curves: Curves) -> int:
    """Return into how many parts the curves of layers are cut, so that the files stay small for large models."""
    return max(FEWEST_BUCKETS, min(BUCKETS_OF_THE_LOOP, BUCKETS_OF_ALL_LAYERS // max(1, len(curves))))


def phase(segment: int) -> str:
    """Return what a tag of a later phase of the script ends in."""
    return f"/phase_{segment + 1}" if segment else ""


def tag_of(name: str) -> str:
    """Return a name as part of a tag: without characters that TensorBoard takes for something else."""
    return re.sub(r"[^\w.\-#:\[\]]+", "_", name)[:200] or "_"


def _by_step(points: list[Point]) -> list[Point]:
    """Sort by step, and keep the last of several values of one step."""
    return list({p.step: p for p in sorted(points, key=lambda p: p.step)}.values())
