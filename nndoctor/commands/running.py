"""One target, or all of the configuration: run under observation, diagnose, report."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor import doctor
from nndoctor.commands import showing
from nndoctor.commands.asked import configured, settled
from nndoctor.commands.options import Extent
from nndoctor.errors import ExitCode, UsageError
from nndoctor.ranks import Ranks
from nndoctor.reports import live
from nndoctor.run_folder import fitting
from nndoctor.settings import Settings, Target
from nndoctor.target import ensure_runnable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from nndoctor.commands.asked import Asked
    from nndoctor.commands.outputs import Output
    from nndoctor.commands.showing import Chosen
    from nndoctor.configuration import Configuration
    from nndoctor.reports.examined import Examined


@dataclass(frozen=True, slots=True)
class Job:
    """One check that is to be done. Whatever is wrong with it has been said before the first one starts."""

    name: str
    settings: Settings
    chosen: Chosen
    folder: Path


def one(context: typer.Context, config: Path | None, target: Target) -> int:
    """Check one target; return the exit code."""
    script = None if target.is_module else Path(target.name)
    configuration = configured(config, script.resolve().parent if script and script.exists() else Path.cwd())
    section = configuration.of_script(script) if script else None
    asked = settled(context, configuration, section)
    if section is not None and not target.arguments:
        target = replace(target, arguments=section.arguments)
    wanted = asked.outputs
    ensure_runnable(target)
    if Ranks.of(os.environ).rank > 0:  # rank 0 reports over all of them
        doctor.examine(_settings(asked, target), show=lambda _report: None)
        return int(ExitCode.HEALTHY)
    found = _done(Job(str(target), _settings(asked, target), showing.Chosen.by(asked), Path.cwd()))
    showing.publish([found], wanted, asked)
    return int(found.diagnosis.verdict.exit_code)


def every(context: typer.Context, config: Path | None) -> int:
    """Check every target of the configuration, one after the other; return the worst exit code."""
    configuration = configured(config, Path.cwd())
    if not configuration.targets:
        where = configuration.file or "no nndoctor.toml or [tool.nndoctor] from here upwards, and so"
        raise UsageError(f"--all: {where} has no [[target]]; `nndoctor init` writes an example")
    overall = settled(context, configuration)
    wanted = overall.outputs
    return _all_done(jobs(context, configuration), wanted, overall)


def jobs(context: typer.Context, configuration: Configuration) -> list[Job]:
    """Return what is to be done for the targets of a configuration; starts nothing.

    Raises `UsageError` for the first thing in it that cannot be: names of checks, thresholds, a baseline, formats, a
    target that Python would refuse to run.
    """
    found = []
    for section in configuration.targets:
        asked = settled(context, configuration, section)
        target = Target(name=section.program, is_module=section.is_module, arguments=section.arguments)
        if asked.out is not None:
            asked = replace(asked, out=asked.out.absolute() / fitting(section.name))
        with contextlib.chdir(section.folder):
            try:
                ensure_runnable(target)
            except UsageError as error:
                raise UsageError(f"target {section.name!r} in {section.folder}: {error}") from None
        found.append(Job(section.name, _settings(asked, target), showing.Chosen.by(asked), section.folder))
    return found


def _all_done(jobs: Sequence[Job], wanted: tuple[Output, ...], asked: Asked) -> int:
    found = []
    for job in jobs:
        if not asked.quiet:
            showing.error_console().print(f"nndoctor: {job.name}", style="dim", soft_wrap=True)
        found.append(_done(job))
        if found[-1].diagnosis.verdict.exit_code is ExitCode.INTERRUPTED:
            break
    showing.publish(found, wanted, asked)
    # The codes are numbered by how bad they are.
    return max(int(each.diagnosis.verdict.exit_code) for each in found)


def _done(job: Job) -> Examined:
    errors = showing.error_console()
    settings = job.settings
    with contextlib.chdir(job.folder):
        with live.line(errors, wanted=not settings.quiet) as show:
            echo = showing.echo_to(errors) if settings.verbose else None
            folder = doctor.examine(settings, show=show, echo=echo, checks=job.chosen.checks)
        return showing.examined(folder, job.chosen, job.name)


def _settings(asked: Asked, target: Target) -> Settings:
    return Settings(
        target=target,
        out=asked.out,
        budget=asked.budget,
        steps=asked.steps,
        scan=asked.scan,
        seed=asked.seed,
        patience=asked.patience,
        verbose=asked.verbose,
        quiet=asked.quiet,
        quick=asked.quick,
        trials="none" if asked.no_trials or asked.quick else Extent(asked.trials).value,
    )
