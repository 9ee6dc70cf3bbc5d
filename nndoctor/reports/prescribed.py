"""The end of the terminal's report: what to change, in which order, with the edits that need no thought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from nndoctor.reports.places import linked
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from nndoctor.prescription import Item, Prescription

MOST = 6
"""Changes that are listed; findings.json has them all."""
STYLES = {"+": "green", "-": "red"}


def draw(prescription: Prescription, *, verbose: bool) -> RenderableType:
    """Return the numbered list, each mechanical change with its diff."""
    items = prescription.items if verbose else prescription.items[:MOST]
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, item in enumerate(items, start=1):
        grid.add_row(f"{number}.", Group(*_item(item)))
    body: list[RenderableType] = [grid]
    if left := len(prescription.items) - len(items):
        body.append(Text(f"and {left} more in findings.json", style="dim"))
    if prescription.patch:
        body.append(Text("As a patch for git apply: --diff prints it, --diff-to FILE writes it.", style="dim"))
    title = Rule(Text("prescription: change these, in this order", style="bold"), align="left", style="dim",
                 characters="-")  # fmt: skip
    return Group(Text(""), title, Padding(Group(*body), (0, 0, 0, 2)))


def _item(item: Item) -> Iterator[RenderableType]:
    head = Text(clean(item.change))
    if item.where is not None:
        head.append("  ").append_text(linked(item.where, "magenta"))
    yield head
    for row in item.compact.splitlines():
        if row.startswith(("--- ", "+++ ", "\\ ")) and not row.startswith(("--- -", "+++ +")):
            continue
        style = "cyan" if row.startswith("@@") else STYLES.get(row[:1], "dim")
        yield Text(clean(row.rstrip()), style=style, no_wrap=True, overflow="ellipsis")
