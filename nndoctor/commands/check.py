"""`nndoctor check`: run a script under observation, experiment, diagnose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nndoctor.commands import options
from nndoctor.settings import Settings, Target


def check(
    program: Annotated[str, typer.Argument(metavar="SCRIPT", help="The training script, or with -m a module.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="What follows belongs to the script.")
    ] = None,
    *,
    module: Annotated[bool, typer.Option("-m", help="SCRIPT is the name of a module, as with python -m.")] = False,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fail_on: options.FailOn = options.Threshold.ERROR,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run [nndoctor-runs/...].")] = None,
    budget: Annotated[float, typer.Option(metavar="SECONDS", help="Time for the experiments.")] = 60.0,
    steps: Annotated[int, typer.Option(help="Training steps to observe in each phase of the script.")] = 40,
    seed: Annotated[int | None, typer.Option(help="Seed torch, numpy and random before the script starts.")] = None,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", help="Without progress for so long, the script counts as hanging.")
    ] = 300.0,
    trials: options.Trials = options.Extent.AUTO,
    no_trials: Annotated[bool, typer.Option("--no-trials", help="The same as --trials none.")] = False,
    formats: options.Formats = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run a training script under observation and say why it does not learn.

    The script is not changed, and its files are not overwritten. Options of nndoctor come before the script.
    """
    from nndoctor import doctor
    from nndoctor.commands import showing
    from nndoctor.reports import live

    settings = Settings(
        target=Target(name=program, is_module=module, arguments=tuple(arguments or ())),
        out=out,
        budget=budget,
        steps=steps,
        seed=seed,
        patience=patience,
        verbose=verbose,
        quiet=quiet,
        trials="none" if no_trials else trials.value,
    )
    chosen = showing.Chosen.by(select or [], ignore or [], fail_on.severity)
    errors = showing.error_console()
    with live.line(errors, wanted=not quiet) as show:
        echo = showing.echo_to(errors) if verbose else None
        folder = doctor.examine(settings, show=show, echo=echo, checks=chosen.checks)
    code = showing.conclude(folder, chosen, formats or [], verbose=verbose, quiet=quiet)
    raise typer.Exit(code)
