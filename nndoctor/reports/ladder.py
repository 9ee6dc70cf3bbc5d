"""The rungs of a ladder as a table on the terminal, with what they mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from rich.console import Console

    from nndoctor.climbed import Climb
    from nndoctor.records import Rung

WIDEST = 100
STYLES = {"climbed": "bold green", "failed": "bold red", "unfinished": "bold yellow", "crashed": "bold red"}
OUTCOMES = {"fitted": "fitted", "learnt": "learnt", "stuck": "NOT FITTED", "falling": "out of time"}


def show(climb: Climb, script: str, console: Console, *, quiet: bool = False) -> None:
    """Print the table and the conclusion; `quiet`: the conclusion only."""
    console.width = min(console.width, WIDEST)
    console.print(Text.assemble((climb.status.upper(), STYLES[climb.status]), f"  {clean(script)}: ", climb.meaning))
    if quiet or not climb.rungs:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    columns = ["samples", "steps", "ms/step", "loss", *(["score"] if climb.metric else [])]
    columns += ["held out"] if any(rung.held_out for rung in climb.rungs) else []
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for rung in climb.rungs:
        table.add_row(*_cells(rung, climb))
    console.print(Padding(table, (1, 0, 1, 2)))
    if climb.metric:
        console.print(
            f"  The score is the {climb.metric} of the last pass; held out: of samples that were not trained on."
        )
    elif len(columns) > 4:
        console.print("  Held out: the loss on samples that were not trained on.")
    if math.isfinite(climb.iteration):
        waiting = f", {climb.waiting:.0%} of it waiting for data" if math.isfinite(climb.waiting) else ""
        console.print(f"  A step of the script itself takes {1000 * climb.iteration:.3g} ms{waiting}.")


def _cells(rung: Rung, climb: Climb) -> list[Text]:
    held_out = rung.held_out_score if climb.metric else rung.held_out_loss
    cells = [f"{rung.samples:,}", str(rung.steps), _number(1000 * rung.seconds)]
    cells += [f"{_number(rung.first_loss)} to {_number(rung.loss)}", *([_number(rung.score)] if climb.metric else [])]
    cells += [_number(held_out)] if any(r.held_out for r in climb.rungs) else []
    style = "bold red" if rung.outcome == "stuck" else ""
    return [*map(Text, cells), Text(OUTCOMES.get(rung.outcome, rung.outcome), style=style)]


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "-"
