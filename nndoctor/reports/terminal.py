"""The report on the terminal: the verdict in one sentence, causes with evidence and advice, the checklist.

Everything that comes from the user's program is `Text`, never markup, and is freed of control characters: a module
named `[bold]` or a label with an escape sequence in it must not paint the terminal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from nndoctor.finding import Severity, names_shown
from nndoctor.reports import checklist, course, evidence, prescribed, remarks
from nndoctor.reports.places import linked, shown, source_of
from nndoctor.reports.words import clean, plural
from nndoctor.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

    from nndoctor.causes import Cause, Fired
    from nndoctor.diagnose import Accepted, Diagnosis, Entry
    from nndoctor.prescription import Prescription
    from nndoctor.recording import Recording

WIDEST = 100
"""Columns: longer lines are hard to read, however wide the window."""

NAMES = 6
"""Modules or parameters that are listed; findings.json has them all."""
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
VERDICTS = {"healthy": "bold green", "sick": "bold red", "inconclusive": "bold yellow", "crashed": "bold red"}


def show(
    run: Recording,
    diagnosis: Diagnosis,
    folder: Path,
    console: Console,
    prescription: Prescription | None = None,
    *,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Print the report. `quiet`: the verdict only. `verbose`: symptoms in full, the checklist with every reason."""
    console.width = min(console.width, WIDEST)
    console.print(verdict_line(run, diagnosis), soft_wrap=quiet)
    if quiet:
        return
    if told := list(course.lines(run)):
        console.print(Group(Text(""), *told))
    failure = remarks.failure(diagnosis.verdict, folder)
    if failure is not None:
        console.print(Padding(failure, (1, 0, 0, 2)))
    for cause in diagnosis.causes:
        if verbose or cause.root.severity > Severity.NOTE:
            console.print(Group(*_cause(cause, diagnosis, verbose=verbose)))
    notes = [c for c in diagnosis.causes if c.root.severity is Severity.NOTE]
    if notes and not verbose:
        console.print(Group(*_notes(notes)))
    if diagnosis.accepted:
        console.print(Group(Text(""), *(_accepted(each) for each in diagnosis.accepted)))
    console.print(checklist.draw(diagnosis, verbose=verbose))
    if notices := remarks.on_the_run(run, verbose=verbose):
        console.print(Padding(notices, (1, 0, 0, 0)))
    if prescription is not None and prescription.items:
        console.print(prescribed.draw(prescription, verbose=verbose))
    # Not wrapped: a path that is broken into two lines cannot be copied.
    console.print(Text(f"\nrun: {clean(_from_here(folder))}"), soft_wrap=True)
    page = RunFolder(folder).report
    if page.is_file():
        console.print(Text(f"page: {clean(_from_here(page))}"), soft_wrap=True)


def _from_here(folder: Path) -> str:
    """Return the path as one would type it: relative where it lies below the working directory."""
    full = folder.absolute()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(full)


def verdict_line(run: Recording, diagnosis: Diagnosis) -> Text:
    """Return the verdict as one sentence."""
    verdict = diagnosis.verdict
    name = run.environment("script") or "the run"
    text = Text.assemble((verdict.status.upper(), VERDICTS[verdict.status]), "  ", clean(name))
    entries = diagnosis.entries
    match verdict.status:
        case "sick":
            first = entries[0]
            text.append(f": {clean(first.title).rstrip('.')} ({first.check.name}")
            if first.where:
                text.append(", ").append_text(linked(first.where))
            text.append(")")
            if verdict.why:
                text.append(f"; {clean(verdict.why)}")
        case "healthy":
            text.append(": no new fault was found" if diagnosis.accepted else ": no fault was found")
            count = sum(entry.severity is Severity.WARNING for entry in entries)
            text.append(f", {plural(count, 'warning')}" if count else "")
            text.append(f", {len(diagnosis.accepted)} accepted" if diagnosis.accepted else "")
            text.append(f"; {clean(verdict.why)}" if verdict.why else "")
        case "inconclusive":
            text.append(f" could not be judged in full: {clean(verdict.why) or 'too little was seen'}")
        case "crashed":
            text.append(f" failed by itself before it could be judged: {clean(verdict.why)}")
            text.append(f" ({clean(shown(verdict.where))})" if verdict.where else "")
    text.append("." if not text.plain.endswith((".", "!", "?")) else "")
    return text


def _cause(cause: Cause, diagnosis: Diagnosis, *, verbose: bool) -> Iterator[RenderableType]:
    entries = [e for e in diagnosis.entries if e.check is cause.root.check]
    for entry in entries:
        yield _finding(entry, verbose=verbose)
    if not cause.symptoms:
        return
    yield Padding(Text("explains these symptoms:", style="dim"), (1, 0, 0, 2))
    for symptom in cause.symptoms:
        yield from _symptom(symptom, diagnosis, verbose=verbose)


def _symptom(symptom: Fired, diagnosis: Diagnosis, *, verbose: bool) -> Iterator[RenderableType]:
    if verbose:
        for entry in (e for e in diagnosis.entries if e.check is symptom.check):
            yield Padding(_finding(entry, verbose=True), (0, 0, 0, 4))
        return
    style = STYLES[symptom.severity]
    message = clean(symptom.findings[0].message)
    line = Text.assemble(
        "    ", (f"{symptom.severity.label:<8}", style), f"{symptom.check.reason:<4}", symptom.check.name, ": ", message
    )
    line.no_wrap, line.overflow = True, "ellipsis"
    yield line


def _notes(notes: list[Cause]) -> Iterator[RenderableType]:
    yield Text("")
    for cause in notes:
        for fired in (cause.root, *cause.symptoms):
            for finding in fired.findings:
                yield _hanging(Text.assemble(("note ", "cyan"), fired.check.name, ": ", clean(finding.message)))


def _accepted(each: Accepted) -> RenderableType:
    entry = each.entry
    place = f" at {shown(entry.where)}" if entry.where else ""
    told = f"{entry.check.name}{place}: {entry.finding.message} (accepted by {each.by})"
    return _hanging(Text.assemble(("accepted ", "cyan"), clean(told)))


def _finding(entry: Entry, *, verbose: bool) -> RenderableType:
    style = STYLES[entry.severity]
    heading = Text.assemble((entry.severity.label, style), " ", entry.check.reason, " ", (entry.check.name, "bold"))
    body = [*_body(entry), *(evidence.draw(item, verbose=verbose) for item in entry.finding.evidence)]
    advice = Text.assemble(("do: ", "bold green"), clean(entry.finding.advice))
    more = Text(f"nndoctor explain {entry.check.name}", style="dim")
    return Group(
        Text(""),
        Rule(heading, align="left", style="dim", characters="-"),
        Padding(Group(*body, _hanging(advice, indent=4), more), (0, 0, 0, 2)),
    )


def _body(entry: Entry) -> Iterator[RenderableType]:
    finding = entry.finding
    yield Text(clean(entry.title), style="bold")
    yield Text(clean(finding.message))
    if entry.where is not None:
        line = Text().append_text(linked(entry.where, "magenta"))
        line.append(f" in {clean(entry.where.function)}" if entry.where.function else "")
        line.overflow = "fold"
        yield line
        if code := source_of(entry.where):
            yield Text(f"    {clean(code)}", no_wrap=True, overflow="ellipsis")
    unnamed = [name for name in finding.names if name not in finding.message]
    if unnamed:
        yield Text(f"in: {clean(names_shown(unnamed, most=NAMES))}", style="dim")
    if not finding.certain:
        yield Text("(inferred, not measured directly)", style="dim")
    if entry.proof is not None:
        style = {True: "green", False: "yellow", None: "dim"}[entry.confirmed]
        yield _hanging(Text.assemble(("trial: ", "bold"), (clean(entry.proof.sentence), style)))


def _hanging(text: Text, indent: int = 2) -> RenderableType:
    """Lay out a paragraph whose further lines are indented."""
    grid = Table.grid(padding=0)
    grid.add_column(width=indent)
    grid.add_column()
    grid.add_row(text[:indent], text[indent:])
    return grid
