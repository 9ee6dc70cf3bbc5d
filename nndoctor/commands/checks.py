"""`nndoctor checks`: what is looked for."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from nndoctor.commands import options  # noqa: TC001 - typer reads the annotations


class ListFormat(StrEnum):
    """Values of `--format`."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"


def checks(
    *,
    formats: Annotated[ListFormat, typer.Option("--format", help="How to print.")] = ListFormat.TERMINAL,
    own_checks: options.OwnChecks = None,
) -> None:
    """List all checks: name, reason, severity, title."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from nndoctor.catalogue import load_catalogue
    from nndoctor.commands.showing import output_console
    from nndoctor.own_checks import checks_at

    own = [check for path in own_checks or [] for check in checks_at(path)]
    everything = load_catalogue(own=own).values()
    if formats is ListFormat.JSON:
        rows = [
            {"check": c.name, "reason": c.reason, "severity": c.severity.label, "title": c.title} for c in everything
        ]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    if formats is ListFormat.MARKDOWN:
        from nndoctor.reports.catalogue_page import render

        sys.stdout.write(render(everything))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("check", "reason", "severity"):
        table.add_column(name, no_wrap=True)
    table.add_column("title")
    for check in everything:
        table.add_row(check.name, check.reason, check.severity.label, Text(check.title))
    output_console().print(table)
