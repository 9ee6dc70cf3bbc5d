"""`nndoctor report`: diagnose a recording again, with today's checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nndoctor.commands import options


def report(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, under nndoctor-runs/.")],
    *,
    config: options.Config = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fail_on: options.FailOn = options.Threshold.ERROR,
    baseline: options.Baseline = None,
    update_baseline: options.UpdateBaseline = False,
    own_checks: options.OwnChecks = None,
    formats: options.Formats = None,
    diff: options.Diff = False,
    diff_to: options.DiffTo = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open report.html in the browser.")] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Diagnose a recording again and write its reports, without running the script."""
    import webbrowser

    from nndoctor import run_folder
    from nndoctor.commands import showing
    from nndoctor.commands.asked import configured, settled
    from nndoctor.locating import Locator
    from nndoctor.recording import Recording

    folder = run_folder.opened(run)
    locator = Locator.of(Recording.open(folder.recording))
    script = locator.absolute(locator.script)
    found = configured(config, script.resolve().parent if locator.script and script.exists() else Path.cwd())
    asked = settled(context, found, found.of_script(script) if locator.script else None)
    wanted = asked.outputs
    examined = showing.examined(folder, showing.Chosen.by(asked))
    showing.publish([examined], wanted, asked)
    if open_page and folder.report.is_file():
        webbrowser.open(folder.report.as_uri())
    raise typer.Exit(int(examined.diagnosis.verdict.exit_code))
