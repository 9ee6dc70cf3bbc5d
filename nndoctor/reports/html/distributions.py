"""Distributions of weights, activations and gradients at the first and the last step, as small drawings in SVG.

There may be hundreds of them, so they need no script: a path of some hundred characters each.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from nndoctor.records import Histogram
from nndoctor.records.exhibits import FIRST, LAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndoctor.recording import Recording

KINDS = ("activation", "gradient", "weight")
WIDTH, HEIGHT = 120, 44
MOST_LAYERS = 250
"""Layers whose distributions are drawn; of more, evenly spread ones."""
_PARAMETERS = (".weight", ".bias", ".in_proj_weight", ".weight_ih_l0")


@dataclass(frozen=True, slots=True)
class Curve:
    """One distribution as an SVG path."""

    moment: str
    step: int
    path: Markup


@dataclass(frozen=True, slots=True)
class Distribution:
    """One tensor at its first and its last sampled step: a common axis, each as high as the drawing."""

    kind: str
    name: str
    low: str
    high: str
    curves: tuple[Curve, ...]

    @property
    def summary(self) -> str:
        """The text alternative."""
        steps = " and ".join(f"{c.moment} (step {c.step})" for c in self.curves)
        return f"Distribution of the {self.kind} {self.name}, {steps}: from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Row:
    """The distributions of one layer, in the order of `KINDS`; None where there is none."""

    layer: str
    cells: tuple[Distribution | None, ...]


def of_all(run: Recording) -> tuple[list[Row], int]:
    """Return a row per layer in the order of the forward pass, and the number of layers left out."""
    table: defaultdict[str, dict[str, Distribution]] = defaultdict(dict)
    order: dict[str, int] = {}
    for (kind, name), rows in _pairs(run).items():
        if name.endswith(".bias"):
            continue
        layer = layer_of(name)
        order.setdefault(layer, len(order))
        if kind == "activation":
            order[layer] = rows[0].order - 1_000_000  # its place in the forward pass, where one is known
        table[layer].setdefault(kind, _drawn(kind, name, rows))
    layers = sorted(table, key=order.__getitem__)
    chosen = evenly(layers, MOST_LAYERS)
    return [Row(layer, tuple(table[layer].get(kind) for kind in KINDS)) for layer in chosen], len(layers) - len(chosen)


def of_layers(run: Recording, names: Iterable[str], *, most: int) -> list[Distribution]:
    """Return the distributions of the tensors or layers that are named, at most `most` of them."""
    pairs = _pairs(run)
    wanted = list(dict.fromkeys(names))
    found = [
        _drawn(kind, name, rows)
        for wish in wanted
        for (kind, name), rows in pairs.items()
        if name == wish or (layer_of(name) == wish and not name.endswith(".bias"))
    ]
    return found[:most]


def layer_of(name: str) -> str:
    """Return the layer that a tensor belongs to: `fc1` for the parameter `fc1.weight`."""
    ending = next((e for e in _PARAMETERS if name.endswith(e)), "")
    return name.removesuffix(ending)


def evenly(items: Sequence[str], most: int) -> list[str]:
    """Return at most `most` items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _pairs(run: Recording) -> dict[tuple[str, str], list[Histogram]]:
    """Return the latest phase's rows of each tensor, first moment first."""
    found: dict[tuple[str, str], dict[str, Histogram]] = {}
    for row in run.rows(Histogram):
        known = found.setdefault((row.kind, row.name), {})
        if any(each.segment < row.segment for each in known.values()):
            known.clear()
        known[row.moment] = row
    return {key: [rows[m] for m in (FIRST, LAST) if m in rows] for key, rows in found.items() if rows}


def _drawn(kind: str, name: str, rows: Sequence[Histogram]) -> Distribution:
    low, high = min(r.low for r in rows), max(r.high for r in rows)
    curves = tuple(Curve(row.moment, row.at, _path(row, low, high)) for row in rows)
    return Distribution(kind, name, f"{low:.2g}", f"{high:.2g}", curves)


def _path(row: Histogram, low: float, high: float) -> Markup:
    """Return the outline of the bins, as high as the drawing; a spike where all values are the same."""
    span, top = high - low, max(row.counts, default=0)
    if not span > 0 or not top or not row.high > row.low:
        middle = WIDTH * ((row.low - low) / span if span > 0 else 0.5)
        left, right = max(0.0, middle - 1), min(WIDTH, middle + 1)
        return Markup(f"M{left:.1f} {HEIGHT}V2H{right:.1f}V{HEIGHT}Z")  # noqa: S704 - numbers
    start = (row.low - low) / span * WIDTH
    step = (row.high - row.low) / len(row.counts) / span * WIDTH
    parts = [f"M{start:.1f} {HEIGHT}"]
    for i, count in enumerate(row.counts, start=1):
        parts.append(f"V{HEIGHT - count / top * (HEIGHT - 2):.1f}H{start + i * step:.1f}")
    return Markup("".join(parts) + f"V{HEIGHT}Z")  # noqa: S704 - numbers
