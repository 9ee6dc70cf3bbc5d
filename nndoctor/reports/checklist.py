"""The checklist of the 37 reasons: every reason has its mark, also where nothing was found or could be looked at."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from nndoctor.diagnose import NOT_CHECKED
from nndoctor.finding import Severity, Status
from nndoctor.reasons import CHAPTER_TITLES, CHAPTERS, REASONS
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from nndoctor.diagnose import Diagnosis, Outcome

MARKS = {
    "error": ("x", "bold red"),
    "warning": ("!", "yellow"),
    "crashed": ("?", "magenta"),
    "note": ("i", "cyan"),
    "accepted": ("a", "cyan"),
    "passed": ("+", "green"),
    "skipped": ("-", "dim"),
    NOT_CHECKED: (".", "dim"),
}
"""Worst first: a reason with several checks shows the worst of them."""


def kind(outcome: Outcome) -> str:
    """Return under which of the `MARKS` an outcome falls."""
    if outcome.status is Status.FINDING:
        return "error" if outcome.severity is Severity.ERROR else "warning"
    return NOT_CHECKED if not outcome.check else outcome.status.value


def draw(diagnosis: Diagnosis, *, verbose: bool = False) -> RenderableType:
    """Draw the checklist: one mark per reason, or with `verbose` one row per check with what it has to say."""
    by_reason: dict[str, list[Outcome]] = {}
    for outcome in diagnosis.outcomes:
        by_reason.setdefault(outcome.reason, []).append(outcome)
    worst = {code: min((kind(o) for o in found), key=list(MARKS).index) for code, found in by_reason.items()}
    heading = Text("\nThe 37 reasons  ", style="bold")
    counts = Counter(mark for code, mark in worst.items() if code[1:].isdigit())
    for name, (mark, style) in MARKS.items():
        if counts[name]:
            heading.append(f"{mark} {counts[name]} {name}  ", style=f"not bold {style}")
    rows = _table(by_reason) if verbose else _marks(worst)
    return Group(heading, rows, *_crashes(diagnosis.outcomes))


def _marks(worst: dict[str, str]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for chapter in CHAPTERS:
        codes = [code for code in worst if code in REASONS and REASONS[code].chapter == chapter]
        if codes:
            grid.add_row(Text(f"  {CHAPTER_TITLES[chapter]}", style="dim"), _cells(codes, worst))
    others = [code for code in worst if code not in REASONS]
    if others:
        grid.add_row(Text("  Other", style="dim"), _cells(others, worst))
    return grid


def _cells(codes: Sequence[str], worst: dict[str, str]) -> Text:
    text = Text()
    for code in codes:
        mark, style = MARKS[worst[code]]
        # A space that does not break keeps a mark with its reason.
        text.append(f"{clean(code)}\N{NO-BREAK SPACE}{mark}", style=style)
        text.append("  ")
    text.rstrip()
    return text


def _table(by_reason: dict[str, list[Outcome]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for name in ("", "reason", "check", "why"):
        table.add_column(name, overflow="fold")
    for code, found in by_reason.items():
        for outcome in found:
            mark, style = MARKS[kind(outcome)]
            about = outcome.why or (outcome.status.value if outcome.check else NOT_CHECKED)
            title = REASONS[code].title if code in REASONS else ""
            name = outcome.check or title
            table.add_row(Text(mark, style=style), Text(code), Text(clean(name)), Text(clean(about)))
    return table


def _crashes(outcomes: Sequence[Outcome]) -> list[Text]:
    crashed = [o for o in outcomes if o.status is Status.CRASHED]
    return [
        Text(f"the check {clean(o.check)} failed itself (a fault of the check): {clean(o.why)}", style="magenta")
        for o in crashed
    ]
