"""`nndoctor validate`: what can be judged without running anything, in a second and without torch."""

from __future__ import annotations

import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nndoctor.commands import options  # noqa: TC001 - typer reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nndoctor.check import Check
    from nndoctor.configuration import Configuration


def validate(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]...", help="Files or folders: their comments and configurations."),
    ] = None,
    *,
    config: options.Config = None,
) -> None:
    """Say whether configuration, baseline and ignore[...] comments are valid; runs no script.

    Judges the configuration that `check --all` would use here and those among the FILES, with the targets, baselines,
    checks and thresholds that they name, and the comments of the Python files and of the configured scripts. Other
    files are left alone. Exit code 0 if all is well, 2 if not.
    """
    from nndoctor import configuration
    from nndoctor.commands.asked import configured
    from nndoctor.errors import ExitCode
    from nndoctor.reports.words import plural

    given = list(_within(files or ()))
    python = [file for file in given if file.suffix == ".py"]
    named = [
        configuration.read(file) for file in given if file.name in (configuration.FILE_NAME, configuration.PYPROJECT)
    ]
    found = {each.file: each for each in (configured(config, Path.cwd()), *named)}
    judged = {file: _judged(context, each) for file, each in found.items()}
    checks = {check.name: check for each in judged.values() for check in each.checks}
    scripts = dict.fromkeys(
        file.resolve() for file in (*python, *(s for each in judged.values() for s in each.scripts))
    )
    wrong = list(_misnamed(scripts, checks.values()))
    for line in wrong:
        sys.stderr.write(f"nndoctor: error: {line}\n")
    if wrong:
        raise typer.Exit(int(ExitCode.USAGE))
    for file, each in judged.items():
        if file is not None:
            sys.stdout.write(f"valid: {file}, {plural(each.targets, 'target')}\n")
    sys.stdout.write(f"valid: comments of {plural(len(scripts), 'Python file')}\n")


@dataclass(frozen=True, slots=True)
class Judged:
    """A configuration that is valid: what it names besides."""

    targets: int
    checks: tuple[Check, ...]
    """All that there are for it, selected or not."""
    scripts: tuple[Path, ...]


def _judged(context: typer.Context, configuration: Configuration) -> Judged:
    """Settle a configuration as `check --all` does before it starts anything. Raises `UsageError`."""
    from nndoctor.commands import running, showing
    from nndoctor.commands.asked import settled
    from nndoctor.settings import split_factory

    overall = settled(context, configuration)
    _ = overall.outputs
    jobs = running.jobs(context, configuration)
    chosen = [showing.Chosen.by(overall), *(job.chosen for job in jobs)]
    places = [section.folder / split_factory(section.program)[0] for section in configuration.targets]
    return Judged(
        len(jobs),
        tuple(check for each in chosen for check in (*each.checks, *each.deselected)),
        tuple(place for place in places if place.suffix == ".py"),
    )


def _within(files: Iterable[Path]) -> Iterator[Path]:
    """Yield the files; of folders all that they hold, but for hidden folders and virtual environments."""
    from nndoctor.errors import UsageError

    for path in files:
        if path.is_dir():
            inside = sorted(path.iterdir())
            hidden = {p for p in inside if p.name.startswith(".") or (p / "pyvenv.cfg").exists()}
            yield from _within(p for p in inside if p not in hidden)
        elif not path.exists():
            raise UsageError(f"no such file or folder: {path}")
        else:
            yield path


def _misnamed(files: Iterable[Path], checks: Iterable[Check]) -> Iterator[str]:
    """Yield a line for each comment that accepts what does not exist."""
    from nndoctor import pragmas
    from nndoctor.catalogue import find
    from nndoctor.errors import UsageError

    for file in files:
        try:
            with tokenize.open(file) as opened:
                written = list(pragmas.written(opened.read()))
        except (OSError, SyntaxError, ValueError, tokenize.TokenError) as error:
            yield f"{file} cannot be read as Python: {' '.join(str(error).split())}"
            continue
        for line, term in written:
            if not term:
                yield f"{file}:{line}: the comment accepts nothing; write nndoctor: ignore[CHECK]"
                continue
            try:
                find(term, checks)
            except UsageError as error:
                yield f"{file}:{line}: {error}"
