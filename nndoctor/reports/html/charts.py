"""What the page draws: a chart is data, its title and its text alternative. The script in the page draws it.

Long curves are thinned so that the lowest and the highest value of each stretch stay.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nndoctor.reports.html.wording import as_json
from nndoctor.reports.words import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

MOST_POINTS = 800
"""Of one curve."""
MISSING, LOWEST, HIGHEST, NOT_FINITE = 0, 1, 254, 255
"""Levels of a heat map's cells."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart, or its bars of one colour."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    dashed: bool = False
    faint: bool = False
    """Drawn pale, behind the others."""

    def described(self) -> str:
        """Say in words how it runs."""
        finite = [v for v in self.values if math.isfinite(v)]
        if not finite:
            return f"{self.name}: no finite value"
        lost = f", {len(self.values) - len(finite)} not finite" if len(finite) < len(self.values) else ""
        low, high = min(finite), max(finite)
        if low == high:
            return f"{self.name}: {number(low)}{' throughout' if len(finite) > 1 else ''}{lost}"
        return (
            f"{self.name}: from {number(finite[0])} to {number(finite[-1])}"
            f" (lowest {number(low)}, highest {number(high)}{lost})"
        )


@dataclass(frozen=True, slots=True)
class Band:
    """A range of an axis that is shaded; a line where its ends are the same."""

    axis: Literal["x", "y"]
    low: float
    high: float
    label: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Curves over steps."""

    title: str
    series: tuple[Series, ...]
    x: str = "step"
    y: str = ""
    log_x: bool = False
    log_y: bool = False
    bands: tuple[Band, ...] = ()
    kind: str = "lines"

    @property
    def summary(self) -> str:
        """The text alternative."""
        shaded = [
            f"shaded: {b.label}, {number(b.low)} to {number(b.high)}"
            if b.low < b.high
            else f"dotted line: {b.label}, {number(b.low)}"
            for b in self.bands
        ]
        return "; ".join([*(s.described() for s in self.series), *shaded]) + "."

    def content(self) -> dict[str, Any]:
        """Return what the script needs."""
        return {
            "kind": self.kind,
            "x": self.x,
            "y": self.y,
            "log_x": self.log_x,
            "log_y": self.log_y,
            "bands": [asdict(band) for band in self.bands],
            "series": [
                {"name": s.name, "dashed": s.dashed, "faint": s.faint, "xy": thinned(s.steps, s.values)}
                for s in self.series
            ],
        }


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts or amounts by category, one bar per series beside the others (or on top of them)."""

    title: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    y: str = ""
    stacked: bool = False
    kind: str = "bars"

    @property
    def summary(self) -> str:
        """The text alternative."""
        parts = []
        for series in self.series:
            pairs = [f"{c}: {number(v)}" for c, v in zip(self.categories[:20], series.values, strict=False)]
            more = f" and {len(self.categories) - 20} more" if len(self.categories) > 20 else ""
            parts.append(f"{series.name}: {', '.join(pairs)}{more}")
        return "; ".join(parts) + "."

    def content(self) -> dict[str, Any]:
        """Return what the script needs."""
        return {
            "kind": self.kind,
            "y": self.y,
            "stacked": self.stacked,
            "categories": list(self.categories),
            "series": [{"name": s.name, "values": list(s.values)} for s in self.series],
        }


@dataclass(frozen=True, slots=True)
class Heat:
    """Numbers by layer (rows, first layer on top) and step (columns). `cells` holds NaN where nothing was measured."""

    title: str
    summary: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: np.ndarray
    broken: np.ndarray
    """Where a value was not finite."""
    log: bool = False
    band: tuple[float, float] | None = None
    """The range that is healthy."""
    kind: str = "heat"

    def content(self) -> dict[str, Any]:
        """Return what the script needs: one byte per cell."""
        levels, low, high = quantised(self.cells, self.broken, log=self.log)
        return {
            "kind": self.kind,
            "rows": list(self.rows),
            "columns": list(self.columns),
            "log": self.log,
            "low": low,
            "high": high,
            "band": self.band,
            "levels": levels.tobytes(),
        }


Chart = Lines | Bars | Heat


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart's place in the page."""

    id: str
    title: str
    summary: str
    kind: str
    size: str


@dataclass(slots=True)
class Charts:
    """Collects the charts of a page."""

    _charts: dict[str, Chart] = field(default_factory=dict)

    def add(self, chart: Chart, *, size: str = "medium") -> Figure:
        """Take in a chart; return what the template needs to hold a place for it."""
        name = f"chart-{len(self._charts) + 1}"
        self._charts[name] = chart
        return Figure(name, chart.title, chart.summary, chart.kind, size)

    def document(self) -> Markup:
        """Return the data of all charts as JSON."""
        return as_json({name: chart.content() for name, chart in self._charts.items()})


def wide(series: Sequence[Series]) -> bool:
    """Whether values are positive and span more than a factor of 50, so that a linear axis would hide the small."""
    values = [v for s in series for v in s.values if math.isfinite(v)]
    return bool(values) and min(values) > 0 and max(values) / min(values) > 50


def thinned(steps: Sequence[float], values: Sequence[float], most: int = MOST_POINTS) -> list[list[float]]:
    """Return steps and values, at most `most` of them: of each stretch the lowest and the highest value stay."""
    if len(values) <= most:
        return [list(steps), list(values)]
    numbers = np.asarray(values, dtype=float)
    kept = {0, len(numbers) - 1}
    for part in np.array_split(np.arange(len(numbers)), most // 3):
        stretch = numbers[part]
        finite = np.isfinite(stretch)
        if finite.any():
            kept.add(int(part[np.where(finite, stretch, np.inf).argmin()]))
            kept.add(int(part[np.where(finite, stretch, -np.inf).argmax()]))
        if not finite.all():
            kept.add(int(part[(~finite).argmax()]))  # a gap in the curve
    chosen = sorted(kept)
    return [[steps[i] for i in chosen], [float(numbers[i]) for i in chosen]]


def quantised(cells: np.ndarray, broken: np.ndarray, *, log: bool) -> tuple[np.ndarray, float, float]:
    """Return one level per cell, and the values of the lowest and the highest level."""
    finite = np.isfinite(cells)
    usable = finite & (cells > 0) if log else finite
    if not usable.any():
        levels = np.zeros(cells.shape, dtype=np.uint8)
        levels[broken] = NOT_FINITE
        return levels, 1.0 if log else 0.0, 1.0
    low, high = float(cells[usable].min()), float(cells[usable].max())
    if log:
        low = max(low, high * 1e-12)  # zeros and what is next to them take the lowest level
        scaled = np.log(np.where(usable, np.maximum(cells, low), low) / low)
        width = math.log(high / low)
    else:
        scaled = np.where(finite, cells, low) - low
        width = high - low
    share = scaled / width if width > 0 else np.full(cells.shape, 0.5)
    levels = np.rint(LOWEST + np.clip(share, 0, 1) * (HIGHEST - LOWEST)).astype(np.uint8)
    levels[~finite] = MISSING
    levels[broken] = NOT_FINITE
    return levels, low, high
