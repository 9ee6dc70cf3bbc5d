"""`nndoctor check`: run a script under observation, experiment, diagnose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nndoctor.commands import options
from nndoctor.errors import UsageError
from nndoctor.settings import Target


def check(
    context: typer.Context,
    program: Annotated[
        str | None, typer.Argument(metavar="SCRIPT", help="The training script, or with -m a module.")
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="What follows belongs to the script.")
    ] = None,
    *,
    module: Annotated[bool, typer.Option("-m", help="SCRIPT is the name of a module, as with python -m.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every target of the configuration, no SCRIPT.")] = False,
    config: options.Config = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fail_on: options.FailOn = options.Threshold.ERROR,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run [nndoctor-runs/...].")] = None,
    budget: Annotated[float, typer.Option(metavar="SECONDS", help="Time for the experiments.")] = 60.0,
    steps: Annotated[int, typer.Option(help="Training steps to observe in each phase of the script.")] = 40,
    scan: Annotated[
        int, typer.Option(metavar="N", help="Samples of the training data to look at, in 10 seconds at most; 0: none.")
    ] = 2000,
    seed: Annotated[int | None, typer.Option(help="Seed torch, numpy and random before the script starts.")] = None,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", help="Without progress for so long, the script counts as hanging.")
    ] = 300.0,
    quick: Annotated[bool, typer.Option("--quick", help="Only the cheap experiments, in some 10 s.")] = False,
    baseline: options.Baseline = None,
    update_baseline: options.UpdateBaseline = False,
    own_checks: options.OwnChecks = None,
    trials: options.Trials = options.Extent.AUTO,
    no_trials: Annotated[bool, typer.Option("--no-trials", help="The same as --trials none.")] = False,
    formats: options.Formats = None,
    diff: options.Diff = False,
    diff_to: options.DiffTo = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run a training script under observation and say why it does not learn.

    The script is not changed, and its files are not overwritten. Options of nndoctor come before the script.
    """
    from nndoctor.commands import running

    if every and program:
        raise UsageError(f"--all takes the targets of the configuration; leave {program} out")
    if every:
        raise typer.Exit(running.every(context, config))
    if not program:
        raise UsageError("SCRIPT is missing (or --all, for every target of the configuration); see `nndoctor check -h`")
    target = Target(name=program, is_module=module, arguments=tuple(arguments or ()))
    raise typer.Exit(running.one(context, config, target))
