"""`nndoctor checks`: what is looked for."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from nndoctor.commands import options


def checks(
    *,
    formats: Annotated[
        options.ListFormat, typer.Option("--format", help="How to print.")
    ] = options.ListFormat.TERMINAL,
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
    if formats is options.ListFormat.JSON:
        rows = [
            {"check": c.name, "reason": c.reason, "severity": c.severity.label, "title": c.title} for c in everything
        ]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("check", "reason", "severity"):
        table.add_column(name, no_wrap=True)
    table.add_column("title")
    for check in everything:
        table.add_row(check.name, check.reason, check.severity.label, Text(check.title))
    output_console().print(table)
