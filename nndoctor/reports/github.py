"""Workflow commands of GitHub Actions: lines that a runner turns into annotations on the lines of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.finding import Severity, SourceLine
from nndoctor.reports.examined import in_words
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor.reports.examined import Examined

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(examined: Sequence[Examined]) -> str:
    """Return one line per finding. What was accepted is a plain line of the log, no annotation."""
    return "".join(f"{line}\n" for each in examined for line in _lines(each))


def _lines(examined: Examined) -> Iterator[str]:
    diagnosis, locator = examined.diagnosis, examined.locator
    verdict = diagnosis.verdict
    if int(verdict.exit_code) > 1:
        where: SourceLine | None = verdict.where
        file = locator.in_repository(where.file if where else locator.script)
        message = f"{examined.name}: {verdict.status}: {verdict.why}"
        yield _command("error", file, where.line if where else 0, "nndoctor", message)
    for entry in diagnosis.entries:
        file, line = locator.place(entry)
        title = f"{entry.check.name} ({entry.check.reason})"
        yield _command(COMMANDS[entry.severity], file, line, title, in_words(entry))
    for each in diagnosis.accepted:
        file, line = locator.place(each.entry)
        text = f"nndoctor: {each.entry.check.name} at {file}:{line} is accepted by {each.by}"
        yield " ".join(clean(text).split())


def _command(command: str, file: str, line: int, title: str, message: str) -> str:
    properties = {"file": file, "line": str(line) if line else "", "title": title}
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{command} {told}::{_data(clean(message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(clean(text)).replace(":", "%3A").replace(",", "%2C")
