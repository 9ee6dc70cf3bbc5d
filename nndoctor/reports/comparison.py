"""A comparison of two runs, on the terminal and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from nndoctor.reports.evidence import sparkline
from nndoctor.reports.places import linked
from nndoctor.reports.terminal import STYLES, VERDICTS, WIDEST
from nndoctor.reports.words import clean, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from nndoctor.comparing import Compared, Comparison
    from nndoctor.comparing.code import CodeChange
    from nndoctor.comparing.curves import CurvePair
    from nndoctor.comparing.facts import Difference
    from nndoctor.diagnose import Entry

SCHEMA = 1
PLACES = 20
"""Places of the code that are shown; JSON has them all."""
LINES = 6
BARS = 12


def show(found: Comparison, console: Console) -> None:
    """Print it: the verdict first, then section by section what differs."""
    console.width = min(console.width, WIDEST)
    console.print(Text(clean(found.verdict), style="bold"))
    for label, each in (("before", found.before), ("after", found.after)):
        console.print(_run(label, each))
    console.print(Group(*_sections(found)))


def render(found: Comparison) -> str:
    """Return it as JSON."""
    document = {
        "schema": SCHEMA,
        "verdict": found.verdict,
        "changes": found.changes,
        "before": {"name": found.before.name, "status": found.before.diagnosis.verdict.status},
        "after": {"name": found.after.name, "status": found.after.diagnosis.verdict.status},
        "code_is_known": found.code_is_known,
        "code": [asdict(each) for each in found.code],
        **{
            name: [{"what": d.what, "before": d.before, "after": d.after} for d in getattr(found, name)]
            for name in ("arguments", "environment", "instruments", "hyper_parameters", "model", "data")
        },
        "curves": [_curve(each) for each in found.curves],
        **{name: [_entry(each) for each in getattr(found, name)] for name in ("gained", "lost", "kept")},
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _curve(pair: CurvePair) -> dict[str, Any]:
    return {**asdict(pair), "start": pair.start, "end": pair.end}


def _entry(entry: Entry) -> dict[str, Any]:
    place = entry.where and {"file": entry.where.file, "line": entry.where.line}
    return {"check": entry.check.name, "severity": entry.severity.label, "title": entry.title, "where": place}


def _run(label: str, each: Compared) -> Text:
    status = each.diagnosis.verdict.status
    target = clean(each.run.environment("target"))
    return Text.assemble((f"{label:<7}", "dim"), clean(each.name), "  ", (status, VERDICTS[status]), f"  {target}")


def _sections(found: Comparison) -> Iterator[RenderableType]:
    if found.code or not found.code_is_known:
        yield from _code(found.code, known=found.code_is_known)
    for title, differences in (
        ("Arguments", found.arguments),
        ("Environment", found.environment),
        ("How nndoctor looked", found.instruments),
        ("Hyper-parameters", found.hyper_parameters),
        ("Model", found.model),
        ("Data", found.data),
    ):
        if differences:
            yield from _differences(title, differences)
    if found.curves:
        yield from _curves(found.curves)
    yield from _findings(found)


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _code(changes: Sequence[CodeChange], *, known: bool) -> Iterator[RenderableType]:
    yield _title("Code")
    if not known:
        yield Text("  not recorded in one of the runs", style="dim")
    for change in changes[:PLACES]:
        place = f"  {clean(change.file)}:{change.line}" if change.line else f"  {clean(change.file)}"
        yield Text.assemble((place, "magenta"), f" {change.what}" if change.what else "")
        for sign, lines, style in (("-", change.removed, "red"), ("+", change.added, "green")):
            for line in lines[:LINES]:
                yield Text(f"    {sign} {clean(line)}", style=style, no_wrap=True, overflow="ellipsis")
            if len(lines) > LINES:
                yield Text(f"    {sign} ... {len(lines) - LINES} more lines", style="dim")
    if len(changes) > PLACES:
        yield Text(f"  ... {len(changes) - PLACES} more places", style="dim")


def _differences(title: str, differences: Sequence[Difference]) -> Iterator[RenderableType]:
    yield _title(title)
    table = _grid("", "before", "after")
    for each in differences:
        table.add_row(Text(clean(each.what)), Text(clean(each.before)), Text(clean(each.after)))
    yield table


def _curves(pairs: Sequence[CurvePair]) -> Iterator[RenderableType]:
    yield _title("Curves, at the steps that both have")
    table = _grid("", "before", "", "after", "", "steps")
    for pair in pairs:
        cells = []
        for values, first, last in zip((pair.before, pair.after), pair.start, pair.end, strict=True):
            cells += [Text(f"{number(first)} to {number(last)}"), Text(sparkline(values, BARS))]
        table.add_row(Text(clean(pair.what)), *cells, Text(f"{pair.steps[0]}-{pair.steps[-1]}"))
    yield table


def _findings(found: Comparison) -> Iterator[RenderableType]:
    yield _title("Findings")
    grid = Table.grid(padding=(0, 1, 0, 0))
    for label, style, entries in (
        ("  gained", "red", found.gained),
        ("  lost", "green", found.lost),
        ("  kept", "dim", found.kept),
    ):
        for entry in entries:
            text = Text.assemble((clean(entry.check.name), "bold"), f": {clean(entry.title)}")
            if entry.where:
                text.append(" (").append_text(linked(entry.where)).append(")")
            grid.add_row(Text(label, style=style), Text(entry.severity.label, style=STYLES[entry.severity]), text)
    yield grid if grid.row_count else Text("  none in either run", style="dim")


def _grid(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    return table
