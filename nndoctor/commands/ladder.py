"""`nndoctor ladder`: 1, 10, 100 ... samples, each rung to be fitted before the next."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from nndoctor.commands import options
from nndoctor.settings import Settings, Target


def ladder(
    program: Annotated[str, typer.Argument(metavar="SCRIPT", help="The training script, or with -m a module.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="What follows belongs to the script.")
    ] = None,
    *,
    module: Annotated[bool, typer.Option("-m", help="SCRIPT is the name of a module, as with python -m.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run [nndoctor-runs/...].")] = None,
    budget: Annotated[float, typer.Option(metavar="SECONDS", help="Time for the whole ladder.")] = 120.0,
    seed: Annotated[int | None, typer.Option(help="Seed torch, numpy and random before the script starts.")] = None,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", help="Without progress for so long, the script counts as hanging.")
    ] = 300.0,
    formats: options.PlainFormats = None,
    quiet: options.Quiet = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show the script's output.")] = False,
) -> None:
    """Train the script's own loop on 1, 10, 100, 1,000 and 10,000 samples; stop at the first rung that is not fitted.

    Each rung begins from the start state and is tried on held-out samples at its end. Exit code 1: a rung failed.
    """
    from nndoctor import doctor
    from nndoctor.climbed import climbed
    from nndoctor.commands import showing
    from nndoctor.recording import Recording
    from nndoctor.reports import ladder as drawn
    from nndoctor.reports import live

    settings = Settings(
        target=Target(name=program, is_module=module, arguments=tuple(arguments or ())),
        out=out,
        budget=budget,
        seed=seed,
        patience=patience,
        verbose=verbose,
        quiet=quiet,
        plan="ladder",
    )
    errors = showing.error_console()
    with live.line(errors, wanted=not quiet) as show:
        echo = showing.echo_to(errors) if verbose else None
        folder = doctor.examine(settings, show=show, echo=echo)
    run = Recording.open(folder.recording)
    climb = climbed(run)
    chosen = formats or []
    if options.Format.JSON in chosen:
        sys.stdout.write(json.dumps(climb.as_json(), indent=2) + "\n")
    if options.Format.TERMINAL in chosen or not chosen:
        console = errors if options.Format.JSON in chosen else showing.output_console()
        drawn.show(climb, run.environment("script"), console, quiet=quiet)
    raise typer.Exit(int(climb.exit_code))
