"""What a report for another program is made from: one or several runs, each with its diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.finding import Curve, Evidence, Measure, Quote, Table
from nndoctor.reports.words import clean, number

if TYPE_CHECKING:
    from pathlib import Path

    from nndoctor.check import Check
    from nndoctor.diagnose import Diagnosis, Entry
    from nndoctor.finding import Severity
    from nndoctor.locating import Locator
    from nndoctor.prescription import Prescription
    from nndoctor.recording import Recording


@dataclass(frozen=True, slots=True)
class Examined:
    """One run and all that was concluded from it."""

    name: str
    """What the user calls it: the script with its arguments, or the name of a target in the configuration."""
    run: Recording
    diagnosis: Diagnosis
    folder: Path
    checks: tuple[Check, ...]
    fail_on: Severity | None
    locator: Locator
    prescription: Prescription

    def fails(self, entry: Entry) -> bool:
        """Whether a finding makes the exit code 1."""
        return self.fail_on is not None and entry.severity >= self.fail_on


def in_words(entry: Entry) -> str:
    """Return a finding as plain text: headline, what was measured, evidence, advice."""
    finding = entry.finding
    title = entry.title if entry.title.endswith((".", "!", "?")) else f"{entry.title}."
    lines = [title, finding.message, *(_evidence(item) for item in finding.evidence)]
    if finding.names:
        lines.append(f"in: {', '.join(finding.names)}")
    if not finding.certain:
        lines.append("(inferred, not measured directly)")
    if entry.explained_by:
        lines.append(f"(a symptom of {entry.explained_by})")
    lines.append(f"do: {finding.advice}")
    return clean("\n".join(lines))


def _evidence(item: Evidence) -> str:
    match item:
        case Measure(label, value, expected):
            return f"{label}: {number(value)}" + (f" (expected {expected})" if expected else "")
        case Curve(label, steps, values):
            ends = (
                f"{number(values[0])} to {number(values[-1])}, steps {steps[0]} to {steps[-1]}" if values else "empty"
            )
            return f"{label}: {ends}"
        case Table(label, header, rows):
            return "\n".join([f"{label}:", *("    " + " | ".join(row) for row in (header, *rows))])
        case Quote(label, text):
            return "\n".join([f"{label}:", *(f"    {line}" for line in text.splitlines())])
