"""The curves of several runs as one SVG, without a library: lines, axes, the class as the title."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from nndoctor.curves.shape import cleaned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.curves.model import History, Verdict
    from nndoctor.curves.shape import Clean

WIDTH, HEIGHT, MARGIN, HEAD = 420, 240, 48, 40
COLUMNS = 2
MOST_POINTS = 1000
COLOURS = {"training": "#1f77b4", "validation": "#d62728"}


def draw(runs: Sequence[tuple[str, History, Verdict]]) -> str:
    """Return the picture: one panel for each run, two side by side."""
    columns = min(COLUMNS, len(runs))
    rows = -(-len(runs) // columns)
    root = ET.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", width=str(columns * WIDTH), height=str(rows * HEIGHT),
        attrib={"font-family": "sans-serif", "font-size": "11"},
    )  # fmt: skip
    ET.SubElement(root, "rect", width="100%", height="100%", fill="white")
    for index, (name, history, verdict) in enumerate(runs):
        place = f"translate({index % columns * WIDTH},{index // columns * HEIGHT})"
        _panel(ET.SubElement(root, "g", transform=place), name, history, verdict)
    return ET.tostring(root, encoding="unicode") + "\n"


def _panel(group: ET.Element, name: str, history: History, verdict: Verdict) -> None:
    title = "".join(c if c.isprintable() else "?" for c in f"{name[-44:]}: {verdict.label}")
    _text(group, MARGIN, 16, title).set("font-weight", "bold")
    curves = {"training": cleaned(history.train), "validation": cleaned(history.validation)}
    shown = {role: curve for role, curve in curves.items() if len(curve.x)}
    if not shown:
        return
    low_x, high_x = min(c.x[0] for c in shown.values()), max(c.x[-1] for c in shown.values())
    low_y, high_y = min(c.y.min() for c in shown.values()), max(c.y.max() for c in shown.values())
    inner_x, inner_y = WIDTH - MARGIN - 12, HEIGHT - HEAD - 28

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / (high_x - low_x) if high_x > low_x else 0.5
        up = (y - low_y) / (high_y - low_y) if high_y > low_y else 0.5
        return MARGIN + across * inner_x, HEAD + (1 - up) * inner_y

    ET.SubElement(group, "rect", x=str(MARGIN), y=str(HEAD), width=str(inner_x), height=str(inner_y),
                   fill="none", stroke="#999")  # fmt: skip
    for value, y in ((high_y, HEAD + 9.0), (low_y, HEAD + inner_y)):
        _text(group, MARGIN - 4, y, f"{value:.3g}").set("text-anchor", "end")
    for value, anchor, x in ((low_x, "start", 0.0), (high_x, "end", 1.0)):
        _text(group, MARGIN + x * inner_x, HEAD + inner_y + 14, f"{value:g}").set("text-anchor", anchor)
    for number, (role, curve) in enumerate(shown.items()):
        _line(group, [at(x, y) for x, y in _thin(curve)], COLOURS[role])
        _text(group, MARGIN + number * 80, 32, role).set("fill", COLOURS[role])
    if verdict.best is not None and low_x <= verdict.best <= high_x:
        x = at(verdict.best, low_y)[0]
        ET.SubElement(group, "line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=str(HEAD), y2=str(HEAD + inner_y),
                       stroke="#666", attrib={"stroke-dasharray": "3 3"})  # fmt: skip


def _thin(curve: Clean) -> list[tuple[float, float]]:
    stride = math.ceil(len(curve.x) / MOST_POINTS)
    return list(zip(curve.x[::stride].tolist(), curve.y[::stride].tolist(), strict=True))


def _line(group: ET.Element, points: Sequence[tuple[float, float]], colour: str) -> None:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ET.SubElement(group, "polyline", points=path, fill="none", stroke=colour, attrib={"stroke-width": "1.2"})


def _text(group: ET.Element, x: float, y: float, text: str) -> ET.Element:
    element = ET.SubElement(group, "text", x=f"{x:g}", y=f"{y:g}")
    element.text = text
    return element
