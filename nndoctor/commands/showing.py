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
from nndoctor.recording import Recording
from nndoctor.reports import findings_json, terminal
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nndoctor.check import Check
    from nndoctor.diagnose import Diagnosis
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


def conclude(
    folder: RunFolder, chosen: Chosen, formats: Sequence[Format], *, verbose: bool = False, quiet: bool = False
) -> int:
    """Diagnose the recording, write findings.json, print what was asked for; return the exit code."""
    run = Recording.open(folder.recording)
    diagnosis = diagnose(run, chosen.checks, deselected=chosen.deselected, fail_on=chosen.fail_on)
    document = findings_json.render(run, diagnosis, folder.path)
    folder.findings.write_text(document, encoding="utf-8")
    write_events(run, diagnosis, folder)
    if Format.JSON in formats:
        sys.stdout.write(document)
    if Format.TERMINAL in formats or not formats:
        # Where JSON is asked for as well, stdout is for the JSON alone.
        console = error_console() if Format.JSON in formats else output_console()
        terminal.show(run, diagnosis, folder.path, console, verbose=verbose, quiet=quiet)
    return int(diagnosis.verdict.exit_code)


def write_events(run: Recording, diagnosis: Diagnosis, folder: RunFolder) -> None:
    """Write what TensorBoard reads. A fault in it costs the event files, not the diagnosis."""
    from nndoctor.reports import tensorboard

    try:
        tensorboard.update(run, diagnosis, folder.events)
    except Exception as error:  # noqa: BLE001 - whatever it is, findings.json is written and the verdict stands
        why = clean(" ".join(f"{type(error).__name__}: {error}".split()))
        error_console().print(Text(f"{folder.events} could not be written: {why}"), soft_wrap=True)


def output_console() -> Console:
    """Return a console on stdout that takes text as it is."""
    return Console(highlight=False, markup=False, emoji=False)


def error_console() -> Console:
    """Return a console on stderr."""
    return Console(highlight=False, markup=False, emoji=False, stderr=True)


def echo_to(console: Console) -> Callable[[str], None]:
    """Return what prints a line of the script's, marked as such."""
    return lambda line: console.print(Text(f"| {clean(line)}", style="dim"), soft_wrap=True)
