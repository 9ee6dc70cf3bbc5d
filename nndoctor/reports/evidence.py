"""Evidence on the terminal: each kind in one or a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from nndoctor.finding import Curve, Evidence, Measure, Quote, Table
from nndoctor.reports.words import clean, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
"""Eighths of a block, lowest first."""
WIDTH = 32
ROWS = 5
"""Rows of a table and lines of a quotation that are shown without `-v`."""


def draw(item: Evidence, *, verbose: bool = False) -> RenderableType:
    """Draw one piece of evidence."""
    most = 50 if verbose else ROWS
    match item:
        case Measure(label, value, expected):
            line = Text.assemble((f"{clean(label)}: ", "dim"), number(value))
            line.append(f" (expected {clean(expected)})" if expected else "", style="dim")
            return line
        case Curve(label, steps, values):
            return _curve(label, steps, values)
        case Table(label, header, rows):
            return _table(label, header, rows, most)
        case Quote(label, text):
            lines = clean(text).splitlines()
            kept = lines[:most] + ([f"... {len(lines) - most} more lines"] if len(lines) > most else [])
            quoted = Text("\n".join(kept), no_wrap=True, overflow="ellipsis")
            return Group(Text(f"{clean(label)}:", style="dim"), Padding(quoted, (0, 0, 0, 4)))
        case _:
            assert_never(item)


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """Return the course of finite values as a row of bars."""
    if not values:
        return ""
    stride = max(1, -(-len(values) // width))
    kept = [values[start] for start in range(0, len(values), stride)]
    low, high = min(kept), max(kept)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in kept)


def _curve(label: str, steps: Sequence[int], values: Sequence[float]) -> Text:
    line = Text.assemble((f"{clean(label)}: ", "dim"))
    if not values:
        return line.append("no finite value")
    return line.append(f"{number(values[0])} {sparkline(values)} {number(values[-1])} (steps {steps[0]}-{steps[-1]})")


def _table(label: str, header: Sequence[str], rows: Sequence[Sequence[str]], most: int) -> RenderableType:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for name in header:
        grid.add_column(Text(clean(name)), overflow="fold")
    for row in rows[:most]:
        grid.add_row(*(Text(clean(cell)) for cell in row))
    parts: list[RenderableType] = [Text(f"{clean(label)}:", style="dim"), Padding(grid, (0, 0, 0, 4))]
    if len(rows) > most:
        parts.append(Text(f"    ... {len(rows) - most} more rows", style="dim"))
    return Group(*parts)
