"""The shape of one curve: cleaned, thinned, fitted by a fall and a rise. Nothing here depends on the curve's scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nndoctor.curves.model import Series

    Array = NDArray[np.float64]

FEWEST = 5
"""Points below which a curve says nothing."""
MOST = 128
"""Points that are left of a long curve: means of bins of equal width."""


@dataclass(frozen=True, slots=True)
class Clean:
    """The finite points of a curve in the order of x, and what was found while cleaning."""

    x: Array
    y: Array
    lost_at: float
    """The x from which on all values are NaN or Inf; NaN if the curve ends finite."""
    restarts: int


def cleaned(series: Series | None, *, sign: float = 1.0) -> Clean:
    """Return the curve that counts: of a restart the later part, of equal x the mean, without gaps."""
    if series is None:
        return Clean(np.empty(0), np.empty(0), math.nan, 0)
    x, y = np.asarray(series.x, dtype=float), sign * np.asarray(series.y, dtype=float)
    known = np.isfinite(x)
    x, y = x[known], y[known]
    if not len(x):
        return Clean(x, y, math.nan, 0)
    # A run that was resumed writes its later steps a second time: what comes last counts.
    back = np.flatnonzero(np.diff(x) < 0) + 1
    restarts = len(back)
    if restarts:
        begun = np.append(np.minimum.accumulate(x[back][::-1])[::-1], np.inf)
        kept = x < begun[np.searchsorted(back, np.arange(len(x)), side="right")]
        x, y = x[kept], y[kept]
    good = np.isfinite(y) & (np.abs(y) < 1e150)  # beyond it, squares overflow
    lost = math.nan
    if good.any() and not good[-1]:
        lost = float(x[np.flatnonzero(good)[-1] + 1])
    elif not good.any():
        lost = float(x[0])
    x, y = x[good], y[good]
    places, where = np.unique(x, return_inverse=True)
    if len(places) < len(x):
        y = np.bincount(where, y) / np.bincount(where)
    return Clean(places, y, lost, restarts)


@dataclass(frozen=True, slots=True)
class Shape:
    """A curve on t from 0 to 1, at most `MOST` points, with its fitted fall and rise."""

    t: Array
    y: Array
    fit: Array
    """The best curve that first only falls and then only rises."""
    turn: int
    """Index of the fit's lowest point."""
    noise: float
    """Standard deviation of one original point around the smooth curve."""
    fine: float
    """The same of one point of the thinned curve."""
    left: float
    """What the fit leaves over, as a standard deviation: unlike the others it counts rare far points in full."""
    start: float
    bottom: float
    end: float

    @property
    def fall(self) -> float:
        """From the start to the lowest point."""
        return max(0.0, self.start - self.bottom)

    @property
    def rise(self) -> float:
        """From the lowest point to the end."""
        return max(0.0, self.end - self.bottom)

    def level(self, low: float, high: float) -> float:
        """Return the mean between two places; of the nearest point where there is none between them."""
        inside = (self.t >= low) & (self.t <= high)
        if not inside.any():
            return float(self.y[int(np.abs(self.t - (low + high) / 2).argmin())])
        return float(self.y[inside].mean())

    def error(self, low: float, high: float) -> float:
        """Return the standard error of that mean."""
        return self.fine / math.sqrt(max(1, int(((self.t >= low) & (self.t <= high)).sum())))


def shape_of(curve: Clean, low: float, high: float) -> Shape:
    """Describe a curve of at least `FEWEST` points on the common range of x from low to high."""
    x, y = curve.x, _capped(curve.y)
    noise = _noise(y)
    t = (x - low) / (high - low) if high > low else np.linspace(0.0, 1.0, len(x))
    t, y = _thinned(t, y)
    fit, turn = falling_then_rising(y)
    # What the fit leaves over is no noise where the curve bends between few points; it sees slow wander as well.
    # Both are taken from the second half: the unrest of the first epochs says little of where the curve comes to rest.
    late = slice(len(y) // 2, None) if len(y) >= 4 * FEWEST else slice(None)
    left = math.sqrt(float(np.sum((y - fit)[late] ** 2)) / max(1, len(y[late]) - len(np.unique(fit[late]))))
    fine = min(2 * left, (_noise(y[late]) + left) / 2)
    noise = fine if len(y) == len(x) else noise
    last = max(2, round(len(y) * 0.1))
    return Shape(
        t=t, y=y, fit=fit, turn=turn, noise=noise, fine=fine, left=left,
        start=float(fit[0]), bottom=float(fit[turn]), end=float(min(fit[-1], max(y[-last:].mean(), fit[turn]))),
    )  # fmt: skip


def _capped(y: Array) -> Array:
    """Return the curve without the height of its explosions: above its start it rises no further than it ever fell."""
    start, lowest = float(y[: max(1, len(y) // 10)].max()), float(y.min())
    if not start > lowest:
        return y  # it only rose
    return np.minimum(y, 2 * start - lowest)


def _noise(y: Array) -> float:
    """Return the robust standard deviation around a smooth curve, from second differences."""
    if len(y) < FEWEST:
        return 0.0
    return float(np.median(np.abs(np.diff(y, 2))) * 1.4826 / math.sqrt(6.0))


def _thinned(t: Array, y: Array) -> tuple[Array, Array]:
    if len(t) <= MOST:
        return t, y
    place = np.minimum(((t - t[0]) / max(t[-1] - t[0], 1e-300) * MOST).astype(int), MOST - 1)
    counts = np.bincount(place, minlength=MOST)
    full = counts > 0
    return (
        np.bincount(place, t, MOST)[full] / counts[full],
        np.bincount(place, y, MOST)[full] / counts[full],
    )


def falling_then_rising(y: Array) -> tuple[Array, int]:
    """Return the least-squares curve that falls, then rises, and the index of its lowest point."""
    costs_left = _prefix_costs(-y)
    costs_right = _prefix_costs(-y[::-1])[::-1]
    total = costs_left + np.append(costs_right[1:], 0.0)
    split = int(np.argmin(total)) + 1
    parts = [-_increasing(-y[:split]), _increasing(y[split:])]
    fit = np.concatenate([p for p in parts if len(p)])
    lowest = np.flatnonzero(fit <= fit.min())
    return fit, int(lowest[np.argmin(y[lowest])])


def _blocks(y: Array) -> Any:
    """Pool adjacent violators; yield after each point the blocks so far as (sum, count, cost so far)."""
    sums: list[float] = []
    counts: list[int] = []
    costs: list[float] = []
    squares: list[float] = []
    for value in y.tolist():
        total, count, square = value, 1, value * value
        while sums and sums[-1] * count >= total * counts[-1]:
            total, count, square = total + sums.pop(), count + counts.pop(), square + squares.pop()
            costs.pop()
        before = costs[-1] if costs else 0.0
        sums.append(total)
        counts.append(count)
        squares.append(square)
        costs.append(before + max(0.0, square - total * total / count))
        yield sums, counts, costs


def _increasing(y: Array) -> Array:
    sums: list[float] = []
    counts: list[int] = []
    for sums, counts, _ in _blocks(y):  # noqa: B007 - the last state is the answer
        pass
    return np.repeat([s / c for s, c in zip(sums, counts, strict=True)], counts) if counts else np.empty(0)


def _prefix_costs(y: Array) -> Array:
    centred = y - y.mean()
    scale = float(np.abs(centred).max()) or 1.0
    return np.array([costs[-1] for _, _, costs in _blocks(centred / scale)])
