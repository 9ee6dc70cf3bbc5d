"""From the causes to a short list: change these, in this order.

Causes only: a symptom goes away with what explains it. What is known to be mechanical comes with an edit of the file
as it was when the script ran; where the file has changed since, or does not say for certain what to write, the advice
stands alone. Reads the user's files, never writes one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.finding import Severity, SourceLine
from nndoctor.prescription.case import Case
from nndoctor.prescription.change import Change, patch, together, valid
from nndoctor.prescription.edits import EDITS
from nndoctor.prescription.files import Files

if TYPE_CHECKING:
    from nndoctor.causes import Cause
    from nndoctor.diagnose import Diagnosis
    from nndoctor.finding import Finding
    from nndoctor.recording import Recording

COMPACT = 1
"""Unchanged lines around a change where it is shown."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to change. `change` is a sentence; `diff` is empty where it takes a human."""

    check: str
    where: SourceLine | None
    change: str
    diff: str = ""
    compact: str = ""
    """The diff with as little around it as can be, for showing."""


@dataclass(frozen=True, slots=True)
class Prescription:
    """What to change, most important first. `patch` holds all edits together; it is empty where there are none."""

    items: tuple[Item, ...] = ()
    patch: str = ""


def prescribe(run: Recording, diagnosis: Diagnosis) -> Prescription:
    """Return what to do about the causes of a diagnosis."""
    files = Files(run)
    found = [(cause.root.check.name, f) for cause in diagnosis.causes for f in _serious(cause)]
    proposed = [(name, finding, _proposed(run, name, finding, files)) for name, finding in found]
    agreed = together([change for *_, change in proposed if change is not None])
    items: dict[tuple[str, str], Item] = {}
    for name, finding, change in proposed:
        item = _item(name, finding, change if change in agreed else None)
        items.setdefault((item.change, str(item.where)), item)
    return Prescription(tuple(items.values()), patch(agreed))


def _serious(cause: Cause) -> list[Finding]:
    """Return the findings that say more than a note."""
    own = cause.root.check.severity
    return [f for f in cause.root.findings if (own if f.severity is None else f.severity) > Severity.NOTE]


def _proposed(run: Recording, name: str, finding: Finding, files: Files) -> Change | None:
    edit, where = EDITS.get(name), finding.where
    source = files.of(where.file) if where is not None else None
    if edit is None or where is None or source is None:
        return None
    try:
        change = edit(Case(run, finding, source, where.line, files))
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        return None  # code that nobody thought of: the advice is worth more than a crash
    return change if change is not None and valid(change.source, change.replacements) else None


def _item(name: str, finding: Finding, change: Change | None) -> Item:
    if change is None:
        return Item(name, finding.where, sentence(finding.advice))
    where = SourceLine(change.source.file, change.line, "")
    return Item(name, where, change.text, patch([change]), patch([change], context=COMPACT))


def sentence(advice: str) -> str:
    """Return the first sentence of an advice, without what is said after a semicolon."""
    parts = re.split(r"(`[^`]*`)", " ".join(advice.split()))
    text = ""
    for part in parts:
        cut = None if part.startswith("`") else re.search(r"[.!?:;](?= |$)", part)
        if cut is not None:
            return f"{text}{part[: cut.start()]}".strip() + "."
        text += part
    return text.strip().rstrip(".") + "."
