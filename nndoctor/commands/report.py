"""`nndoctor report`: diagnose a recording again, with today's checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nndoctor.commands import options


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, under nndoctor-runs/.")],
    *,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fail_on: options.FailOn = options.Threshold.ERROR,
    formats: options.Formats = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open report.html in the browser.")] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Diagnose a recording again and write its reports, without running the script."""
    import webbrowser

    from nndoctor import run_folder
    from nndoctor.commands import showing

    chosen = showing.Chosen.by(select or [], ignore or [], fail_on.severity)
    folder = run_folder.opened(run)
    code = showing.conclude(folder, chosen, formats or [], verbose=verbose, quiet=quiet)
    if open_page and folder.report.is_file():
        webbrowser.open(folder.report.as_uri())
    raise typer.Exit(code)
