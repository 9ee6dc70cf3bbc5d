"""Layer health: heat maps of layers by steps. Of what does not fit, the most extreme values stay."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from nndoctor.records import TensorStats
from nndoctor.reports.html.charts import Heat
from nndoctor.reports.html.distributions import evenly
from nndoctor.reports.words import number, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nndoctor.recording import Recording

MOST_COLUMNS = 150
MOST_ROWS = 1_200
GOOD_UPDATES = (1e-4, 1e-2)
"""Update / weight: a decade to either side of the usual 1e-3."""

Moment = tuple[int, int]
Values = dict[str, dict[Moment, float]]


def heat_maps(run: Recording) -> Iterator[Heat]:
    """Yield the maps for which anything was recorded."""
    by_kind: defaultdict[str, list[TensorStats]] = defaultdict(list)
    for row in run.rows(TensorStats):
        by_kind[row.kind].append(row)
    activations, gradients = by_kind["activation"], by_kind["gradient"]
    ratios = update_ratios(by_kind["update"], by_kind["weight"])
    maps = (
        _map("Spread of the activations (standard deviation)", _values(activations, "std"), log=True),
        _map("Share of zeros among the activations", _values(activations, "zero_share")),
        _map("Norm of the gradients", _values(gradients, "norm"), log=True),
        _map("Update / weight of each step", ratios, log=True, band=GOOD_UPDATES),
    )
    for each in maps:
        if each is not None:
            yield each


def update_ratios(updates: Iterable[TensorStats], weights: Iterable[TensorStats]) -> Values:
    """Return the size of each update relative to its weight, as root mean squares."""
    sizes = {(r.segment, r.step, r.name): r.norm / math.sqrt(r.numel) for r in weights if r.numel}
    found: Values = {}
    for row in sorted(updates, key=lambda row: row.order if row.order >= 0 else math.inf):
        size = sizes.get((row.segment, row.step, row.name), 0.0)
        if row.numel and size > 0:
            ratio = row.norm / math.sqrt(row.numel) / size
            found.setdefault(row.name, {})[row.segment, row.step] = ratio
    return found


def _values(rows: Iterable[TensorStats], field: str) -> Values:
    """Return one number by name and moment, names in the order of the forward pass."""
    order: dict[str, int] = {}
    found: Values = {}
    for row in rows:
        value = float(getattr(row, field))
        if row.non_finite:
            value = math.inf
        found.setdefault(row.name, {})[row.segment, row.step] = value
        if row.order >= 0:
            order[row.name] = row.order
    return {name: found[name] for name in sorted(found, key=lambda name: order.get(name, len(order)))}


def _map(title: str, values: Values, *, log: bool = False, band: tuple[float, float] | None = None) -> Heat | None:
    names = evenly(list(values), MOST_ROWS)
    moments = sorted({moment for name in names for moment in values[name]})
    if not moments:
        return None
    position = {moment: i for i, moment in enumerate(moments)}
    cells = np.full((len(names), len(moments)), np.nan)
    for row, name in enumerate(names):
        for moment, value in values[name].items():
            cells[row, position[moment]] = value
    several = moments[-1][0] > moments[0][0]
    labels = [f"{step}" if not several else f"{segment + 1}:{step}" for segment, step in moments]
    cells, labels = _narrowed(cells, labels)
    broken = np.isinf(cells)
    cells = np.where(broken, np.nan, cells)
    summary = _described(names, cells, broken, band)
    if len(names) < len(values):
        summary += f" {len(values) - len(names)} of {len(values)} layers are left out, evenly spread."
    return Heat(title, summary, tuple(names), tuple(labels), cells, broken, log=log, band=band)


def _narrowed(cells: np.ndarray, labels: list[str]) -> tuple[np.ndarray, list[str]]:
    """Join columns where there are too many: of the values of one cell, the one farthest from the row's middle."""
    count = cells.shape[1]
    if count <= MOST_COLUMNS:
        return cells, labels
    finite = np.where(np.isfinite(cells), cells, np.nan)
    filled = np.where(np.isnan(finite).all(axis=1, keepdims=True), 0.0, finite)
    middle = np.nanmedian(filled, axis=1, keepdims=True)
    tiny = 1e-30
    with np.errstate(invalid="ignore"):
        away = np.abs(np.log(np.maximum(np.abs(cells), tiny) / np.maximum(np.abs(middle), tiny)))
    away = np.where(np.isnan(cells), -1.0, np.where(np.isinf(cells), np.inf, away))
    parts = np.array_split(np.arange(count), MOST_COLUMNS)
    chosen = np.stack([part[away[:, part].argmax(axis=1)] for part in parts], axis=1)
    return np.take_along_axis(cells, chosen, axis=1), [labels[part[0]] for part in parts]


def _described(names: list[str], cells: np.ndarray, broken: np.ndarray, band: tuple[float, float] | None) -> str:
    measured = np.isfinite(cells)
    parts = [f"{plural(len(names), 'row')}, first layer on top."]
    if measured.any():
        lowest, highest = (np.unravel_index(i, cells.shape)[0] for i in (np.nanargmin(cells), np.nanargmax(cells)))
        parts.append(
            f"Lowest {number(float(np.nanmin(cells)))} in {names[lowest]},"
            f" highest {number(float(np.nanmax(cells)))} in {names[highest]}."
        )
        if band is not None:
            inside = float(((cells >= band[0]) & (cells <= band[1]))[measured].mean())
            parts.append(f"{inside:.0%} lie in the usual range, {number(band[0])} to {number(band[1])} (green).")
    if broken.any():
        first = names[int(broken.any(axis=1).argmax())]
        parts.append(f"Not finite: {plural(int(broken.sum()), 'cell')}, first in {first}.")
    return " ".join(parts)
