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
    diff: options.Diff = False,
    diff_to: options.DiffTo = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Diagnose a recording again and write its reports, without running the script."""
    from nndoctor import run_folder
    from nndoctor.commands import showing

    wanted = showing.Wanted.of(formats or [], diff=diff, diff_to=diff_to)
    chosen = showing.Chosen.by(select or [], ignore or [], fail_on.severity)
    code = showing.conclude(run_folder.opened(run), chosen, wanted, verbose=verbose, quiet=quiet)
    raise typer.Exit(code)
