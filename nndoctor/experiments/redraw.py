"""How much does augmentation change a sample? The same samples are drawn several times and compared with each other."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nndoctor.experiments.scan import sample_leaves
from nndoctor.places import shown_file
from nndoctor.records import Redraw

if TYPE_CHECKING:
    from collections.abc import Iterator

    Array = np.ndarray[Any, Any]

SAMPLES = 24
DRAWS = 4
MOST_SECONDS = 1.0
MOST_VALUES = 4096
"""Of an input; of larger ones every n-th value is compared."""
SHADES = 17
TABLE = 256
"""Numbers in a row up to which they are taken for columns of a table, which have a meaning of their own."""
CLEARLY = 4.0
"""Standard errors by which a covariance must be above zero."""
FEWEST = 16
"""Values of an input of which an order is asked."""
UNLIKE = 0.9
"""Share of the values of an input that no other of them equals: else it cannot be told which went where."""
LOOKS = 3
"""Samples after which it is taken for granted that no other is torn apart, either."""
TOGETHER = 0.2
"""Share of neighbours that are moved alike: in a random order hardly any are, in a flip or a shift nearly all."""
SMALL_TARGET = 4
"""Times smaller than the input must a target be: a clean image beside a noisy one is no label."""


def redraws(name: str, dataset: Any, roles: dict[str, str], deadline: float) -> Iterator[Redraw]:
    """Yield a row for each floating-point input that is another in each draw."""
    inputs = [path for path, role in roles.items() if role == "input"]
    targets = [path for path, role in roles.items() if role == "target"]
    deadline = min(deadline, time.monotonic() + MOST_SECONDS)
    count = min(SAMPLES, len(dataset))
    seen: list[list[dict[str, Array]]] = []
    for i in range(count):
        if time.monotonic() > deadline:
            break
        seen.append([_drawn(dataset[i * len(dataset) // count]) for _ in range(DRAWS)])
        if i == 2 and not any(_varies(draws, path) for draws in seen for path in inputs):
            return  # nothing random in it
    if len(seen) < 3:
        return
    for path in inputs:
        column = [[draw[path] for draw in draws if path in draw] for draws in seen]
        size = column[0][0].size if column[0] else 0
        if len({v.shape for draws in column for v in draws}) != 1 or column[0][0].dtype.kind != "f" or size < 2:
            continue
        if not any(_varies(draws, path) for draws in seen):
            continue
        row = _judged(column)
        small = all(SMALL_TARGET * seen[0][0][t].size <= size for t in targets if t in seen[0][0])
        fixed = bool(targets) and not any(_varies(draws, t) or t not in draws[0] for draws in seen for t in targets)
        row = replace(row, loader=name, leaf=path, dataset=type(dataset).__name__, label=small and fixed)
        yield _placed(row, dataset)


def _drawn(sample: Any) -> dict[str, Array]:
    return {path: np.array(t.detach().cpu().float().numpy()) for path, t in sample_leaves(sample)}


def _varies(draws: list[dict[str, Array]], path: str) -> bool:
    found = [draw[path] for draw in draws if path in draw]
    return any(v.shape != found[0].shape or not np.array_equal(v, found[0], equal_nan=True) for v in found[1:])


def _judged(column: list[list[Array]]) -> Redraw:
    shape = column[0][0].shape
    flat = np.stack([np.stack([v.reshape(-1) for v in draws]) for draws in column]).astype(np.float64)
    table = len(shape) == 1 and flat.shape[-1] <= TABLE
    shades = np.quantile(flat, np.linspace(0, 1, SHADES), axis=-1)
    kept = float("nan") if len(shape) < 2 else _kept(flat.reshape(*flat.shape[:2], *shape))
    return Redraw(
        samples=flat.shape[0],
        draws=flat.shape[1],
        values=_ratio(flat[..., :: max(1, flat.shape[-1] // MOST_VALUES)]),
        shades=float("nan") if table else _ratio(np.moveaxis(shades, 0, -1)),
        kept=kept,
        scattered=float("nan") if len(shape) < 2 else _scattered(flat, shape[0]),
    )


def _scattered(flat: Array, channels: int) -> float:
    """Return the share of samples of which two draws hold the same values with neighbours torn apart.

    `flat` has the shape (samples, draws, size). Where all of several channels are moved alike, points change places.
    """
    size = flat.shape[-1]
    unlike = np.mean([np.unique(values).size for values in flat[:, 0]]) / size
    if size < FEWEST or unlike < UNLIKE:
        return float("nan")
    apart: list[bool] = []
    for first, second in flat[:, :2]:
        if len(apart) == LOOKS and not any(apart):
            break  # large images take long to sort
        before, after = np.argsort(first), np.argsort(second)
        if not np.array_equal(first[before], second[after]):
            apart.append(False)
            continue
        places = np.empty(size, dtype=np.int64)
        places[before] = after
        alike = np.unique(np.diff(places), return_counts=True)[1].max() / (size - 1)
        of_channels = places.reshape(channels, -1) - np.arange(channels)[:, None] * (size // channels)
        whole = channels > 1 and bool((of_channels == of_channels[0]).all())
        apart.append(alike < TOGETHER and not whole)
    return float(np.mean(apart))


def _kept(values: Array) -> float:
    """Return the covariance of neighbours in the mean of a sample's draws over that in single draws.

    It is 1 where noise without structure is added, which has none and leaves everything in its place; where samples
    are flipped, moved or turned, their mean is blurred. NaN where neighbours have nothing in common. `values` have the
    shape (samples, draws, ..., length); neighbours are those along the last dimension.
    """
    centred = values - values.mean(axis=tuple(range(2, values.ndim)), keepdims=True)
    single = _neighbours(centred)
    error = single.std() / np.sqrt(single.size)
    mean = float(single.mean())
    return float(_neighbours(centred.mean(axis=1, keepdims=True)).mean()) / mean if mean > CLEARLY * error else np.nan


def _neighbours(values: Array) -> Array:
    found: Array = (values[..., 1:] * values[..., :-1]).mean(axis=tuple(range(2, values.ndim)))
    return found


def _ratio(values: Array) -> float:
    """Return the variance between draws over that between samples (one-way analysis of variance, random effects)."""
    draws = values.shape[1]
    within = values.var(axis=1, ddof=1).mean(axis=0)
    between = np.maximum(values.mean(axis=1).var(axis=0, ddof=1) - within / draws, 0.0)
    whole = float(between.sum())
    return float(within.sum()) / whole if whole > 0 else float("inf")


def _placed(row: Redraw, dataset: Any) -> Redraw:
    code = getattr(type(dataset).__getitem__, "__code__", None)
    file = shown_file(code.co_filename) if code is not None else ""
    return (
        replace(row, file=file, line=code.co_firstlineno, function=code.co_name) if code is not None and file else row
    )
