"""From a run's folder to its reports and the exit code: the end of `check` and all of `report`."""

from __future__ import annotations

import io
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from nndoctor import baseline
from nndoctor.acceptance import Acceptance, accept
from nndoctor.catalogue import choose, load_catalogue
from nndoctor.commands.options import Threshold
from nndoctor.commands.outputs import Format, rendered
from nndoctor.diagnose import diagnose
from nndoctor.errors import ExitCode
from nndoctor.finding import Severity
from nndoctor.locating import Locator
from nndoctor.own_checks import checks_at
from nndoctor.prescription import prescribe
from nndoctor.recording import Recording
from nndoctor.reports import findings_json, patch_file, terminal
from nndoctor.reports.examined import Examined
from nndoctor.reports.words import clean, plural
from nndoctor.thresholds import with_thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from nndoctor.baseline import Known
    from nndoctor.check import Check
    from nndoctor.commands.asked import Asked
    from nndoctor.commands.outputs import Output
    from nndoctor.diagnose import Diagnosis
    from nndoctor.prescription import Prescription
    from nndoctor.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which checks run, which are left out, what makes the exit code 1, and what is known and accepted."""

    checks: tuple[Check, ...]
    deselected: tuple[Check, ...]
    fail_on: Severity | None
    known: tuple[Known, ...] = ()
    baseline: Path | None = None
    """The baseline that is to be written anew; None where none is."""

    @classmethod
    def by(cls, asked: Asked) -> Chosen:
        """Choose from the catalogue. Raises `UsageError` for names, thresholds and baselines that cannot be."""
        own = [check for path in asked.own_checks or () for check in checks_at(path)]
        everything = with_thresholds(load_catalogue(own=own).values(), asked.thresholds)
        chosen = choose(everything, select=asked.select or (), ignore=asked.ignore or ())
        names = {check.name for check in chosen}
        return cls(
            checks=tuple(chosen),
            deselected=tuple(c for c in everything if c.name not in names),
            fail_on=Threshold(asked.fail_on).severity,
            known=_known(asked, {check.name for check in everything}),
            baseline=asked.baseline.absolute() if asked.baseline and asked.update_baseline else None,
        )


def _known(asked: Asked, names: set[str]) -> tuple[Known, ...]:
    if asked.baseline is None:
        return ()
    return tuple(baseline.read(asked.baseline, names, lenient=asked.update_baseline))


def examined(folder: RunFolder, chosen: Chosen, name: str = "") -> Examined:
    """Diagnose the recording, set aside what is accepted, write findings.json and the baseline."""
    run = Recording.open(folder.recording)
    locator = Locator.of(run)
    diagnosis = diagnose(run, chosen.checks, deselected=chosen.deselected, fail_on=chosen.fail_on)

    def without(known: Iterable[Known]) -> Diagnosis:
        acceptance = Acceptance(locator, _reader(locator), baseline.counted(known))
        return accept(diagnosis, run, acceptance, fail_on=chosen.fail_on)

    known = chosen.known if chosen.baseline is None else _updated(chosen, without(()), locator, run)
    judged = without(known)
    prescription = prescribe(run, judged)
    folder.findings.write_text(findings_json.render(run, judged, folder.path, prescription), encoding="utf-8")
    write_page(run, judged, folder, prescription)
    write_events(run, judged, folder)
    name = name or run.environment("target") or folder.path.name
    return Examined(name, run, judged, folder.path, chosen.checks, chosen.fail_on, locator, prescription)


def _updated(chosen: Chosen, diagnosis: Diagnosis, locator: Locator, run: Recording) -> Sequence[Known]:
    """Write the baseline anew with what was found, and return it."""
    if diagnosis.verdict.exit_code > ExitCode.FINDINGS or chosen.baseline is None:
        error_console().print("nndoctor: the baseline stays as it was: the run could not be judged", soft_wrap=True)
        return chosen.known
    # Of a shared baseline, other targets may have written their part since we read it.
    checks = {check.name for check in (*chosen.checks, *chosen.deselected)}
    present = baseline.read(chosen.baseline, checks, lenient=True)
    target = locator.in_repository(locator.script or run.environment("script"))
    judged = {check.name for check in chosen.checks}
    entries = [entry for entry in diagnosis.entries if entry.severity > Severity.NOTE]
    known = baseline.updated(present, target, judged, [baseline.known(e, target, locator) for e in entries])
    baseline.write(chosen.baseline, known)
    return known


def publish(found: Sequence[Examined], outputs: Iterable[Output], asked: Asked) -> None:
    """Write every report that was asked for, and the patch."""
    # Where something else has stdout, the terminal's report goes to stderr.
    taken = asked.diff or any(o.path is None and o.format is not Format.TERMINAL for o in outputs)
    for output in outputs:
        if output.format is not Format.TERMINAL:
            output.write(rendered(output, found))
            continue
        text = io.StringIO()
        console = error_console() if taken else output_console()
        if output.path is not None:
            console = Console(file=text, width=terminal.WIDEST, highlight=False, markup=False, emoji=False)
        for each in found:
            terminal.show(
                each.run,
                each.diagnosis,
                each.folder,
                console,
                each.prescription,
                verbose=asked.verbose,
                quiet=asked.quiet,
            )
        if len(found) > 1:
            _summary(found, console)
        if output.path is not None:
            output.write(text.getvalue())
    if asked.diff or asked.diff_to is not None:
        patch = "".join(each.prescription.patch for each in found)
        patch_file.deliver(patch, asked.diff_to, error_console(), to_stdout=asked.diff)


def _summary(found: Sequence[Examined], console: Console) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for name in ("", "target", "findings", "first"):
        table.add_column(name, overflow="fold")
    for each in found:
        status = each.diagnosis.verdict.status
        entries = each.diagnosis.entries
        counts = [(plural(n, s.label)) for s in Severity if (n := sum(e.severity is s for e in entries))]
        accepted = [f"{len(each.diagnosis.accepted)} accepted"] if each.diagnosis.accepted else []
        first = next((e.check.name for e in entries if e.severity > Severity.NOTE), "")
        row = (Text(status.upper(), style=terminal.VERDICTS[status]), clean(each.name))
        table.add_row(row[0], Text(row[1]), Text(", ".join([*counts[::-1], *accepted])), Text(first))
    console.print(Text(""))
    console.print(table)


def _reader(locator: Locator) -> Callable[[str], str]:
    def source(file: str) -> str:
        try:
            with tokenize.open(locator.absolute(file)) as opened:
                return opened.read()
        except (OSError, SyntaxError, ValueError):
            return ""

    return source


def write_page(run: Recording, diagnosis: Diagnosis, folder: RunFolder, prescription: Prescription) -> None:
    """Write report.html; say so where that fails."""
    from nndoctor.reports import html

    if failure := html.write(run, diagnosis, folder, prescription):
        error_console().print(Text(failure), soft_wrap=True)


def write_events(run: Recording, diagnosis: Diagnosis, folder: RunFolder) -> None:
    """Write what TensorBoard reads. A fault in it costs the event files, not the diagnosis."""
    from nndoctor.reports import tensorboard

    try:
        tensorboard.update(run, diagnosis, folder.events)
    except Exception as error:  # noqa: BLE001 - whatever it is: findings.json is written and the verdict stands
        why = clean(" ".join(f"{type(error).__name__}: {error}".split()))
        error_console().print(Text(f"{folder.events.name} could not be written: {why}"), soft_wrap=True)


def output_console() -> Console:
    """Return a console on stdout that takes text as it is."""
    return Console(highlight=False, markup=False, emoji=False)


def error_console() -> Console:
    """Return a console on stderr."""
    return Console(highlight=False, markup=False, emoji=False, stderr=True)


def echo_to(console: Console) -> Callable[[str], None]:
    """Return what prints a line of the script's, marked as such."""
    return lambda line: console.print(Text(f"| {clean(line)}", style="dim"), soft_wrap=True)
