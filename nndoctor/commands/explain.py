"""`nndoctor explain`: the page of a check, or of all checks of a reason."""

from __future__ import annotations

from typing import Annotated

import typer

from nndoctor.commands import options  # noqa: TC001 - typer reads the annotations


def explain(
    term: Annotated[str, typer.Argument(metavar="CHECK|REASON", help="A name as in `nndoctor checks`, or R23.")],
    *,
    own_checks: options.OwnChecks = None,
) -> None:
    """Explain a check: what it looks at, why it matters, what to do, when it is wrong."""
    from rich.markdown import Markdown
    from rich.text import Text

    from nndoctor.catalogue import find, load_catalogue, reason_code
    from nndoctor.commands.showing import output_console
    from nndoctor.own_checks import checks_at
    from nndoctor.reasons import REASONS
    from nndoctor.reports.terminal import WIDEST
    from nndoctor.treatments.names import described

    own = [check for path in own_checks or [] for check in checks_at(path)]
    found = find(term, load_catalogue(own=own).values())
    console = output_console()
    console.width = min(console.width, WIDEST)
    if not found or found[0].name != term.strip().lower():
        reason = REASONS.get(reason_code(term))
        console.print(Text(f"{reason.code}: {reason.title}" if reason else reason_code(term), style="bold"))
        console.print(Text("no check looks at this reason yet" if not found else ""))
    for check in found:
        console.print(Text(f"{check.name} ({check.reason}, {check.severity.label})", style="bold"))
        console.print(Markdown(check.documentation))
        if check.options:
            values = ", ".join(f"{name}={value!r}" for name, value in check.options.items())
            console.print(Text(f"\nthresholds: {values}", style="dim"))
        if treatments := [*check.treatments, *check.relief]:
            console.print(Text(f"tried as a treatment: {'; '.join(map(described, treatments))}", style="dim"))
        console.print()
