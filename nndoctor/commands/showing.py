"""From a run's folder to its reports and the exit code: the end of `check` and all of `report`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from nndoctor.catalogue import choose, load_catalogue
from nndoctor.commands.options import Format
from nndoctor.diagnose import diagnose
from nndoctor.errors import UsageError
from nndoctor.prescription import prescribe
from nndoctor.recording import Recording
from nndoctor.reports import findings_json, patch_file, terminal
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nndoctor.check import Check
    from nndoctor.finding import Severity
    from nndoctor.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which checks run, which are left out, and what makes the exit code 1."""

    checks: tuple[Check, ...]
    deselected: tuple[Check, ...]
    fail_on: Severity | None

    @classmethod
    def by(cls, select: Sequence[str], ignore: Sequence[str], fail_on: Severity | None) -> Chosen:
        """Choose from the catalogue. Raises `UsageError` for names that do not exist."""
        everything = load_catalogue().values()
        chosen = choose(everything, select=select, ignore=ignore)
        names = {check.name for check in chosen}
        return cls(tuple(chosen), tuple(c for c in everything if c.name not in names), fail_on)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be printed, and where the patch goes: to stdout, to a file, or nowhere."""

    formats: tuple[Format, ...] = ()
    diff: bool = False
    diff_to: Path | None = None

    @classmethod
    def of(cls, formats: Sequence[Format], *, diff: bool, diff_to: Path | None) -> Wanted:
        """Check before anything runs. Raises `UsageError` for what cannot go together or must not be overwritten."""
        if diff and Format.JSON in formats:
            raise UsageError("--diff and --format json both want stdout; use --diff-to FILE")
        if diff_to is not None:
            patch_file.ensure_writable(diff_to)
        return cls(tuple(formats), diff, diff_to)

    @property
    def stdout_taken(self) -> bool:
        """Whether stdout is for something that another program reads, alone."""
        return self.diff or Format.JSON in self.formats


def conclude(folder: RunFolder, chosen: Chosen, wanted: Wanted, *, verbose: bool = False, quiet: bool = False) -> int:
    """Diagnose the recording, write findings.json, print what was asked for; return the exit code."""
    run = Recording.open(folder.recording)
    diagnosis = diagnose(run, chosen.checks, deselected=chosen.deselected, fail_on=chosen.fail_on)
    prescription = prescribe(run, diagnosis)
    document = findings_json.render(run, diagnosis, folder.path, prescription)
    folder.findings.write_text(document, encoding="utf-8")
    if Format.JSON in wanted.formats:
        sys.stdout.write(document)
    if Format.TERMINAL in wanted.formats or not wanted.formats:
        console = error_console() if wanted.stdout_taken else output_console()
        terminal.show(run, diagnosis, folder.path, console, prescription, verbose=verbose, quiet=quiet)
    if wanted.diff or wanted.diff_to is not None:
        patch_file.deliver(prescription.patch, wanted.diff_to, error_console(), to_stdout=wanted.diff)
    return int(diagnosis.verdict.exit_code)


def output_console() -> Console:
    """Return a console on stdout that takes text as it is."""
    return Console(highlight=False, markup=False, emoji=False)


def error_console() -> Console:
    """Return a console on stderr."""
    return Console(highlight=False, markup=False, emoji=False, stderr=True)


def echo_to(console: Console) -> Callable[[str], None]:
    """Return what prints a line of the script's, marked as such."""
    return lambda line: console.print(Text(f"| {clean(line)}", style="dim"), soft_wrap=True)
