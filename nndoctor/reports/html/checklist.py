"""The checklist: every reason with its checks, what became of each, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.diagnose import NOT_CHECKED
from nndoctor.reasons import CHAPTER_TITLES, REASONS
from nndoctor.reports.checklist import MARKS, kind

if TYPE_CHECKING:
    from nndoctor.diagnose import Diagnosis, Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """One check of a reason. `kind` is error, warning, note, crashed, accepted, passed, skipped or unchecked."""

    check: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class Line:
    """One reason; `kind` is the worst of its checks."""

    code: str
    title: str
    kind: str
    numbered: bool
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the list."""

    title: str
    lines: tuple[Line, ...]


def chapters(diagnosis: Diagnosis) -> list[Chapter]:
    """Return the list by chapters; checks of third parties with reasons of their own come last."""
    by_reason: dict[str, list[Outcome]] = {}
    for outcome in diagnosis.outcomes:
        by_reason.setdefault(outcome.reason, []).append(outcome)
    by_chapter: dict[str, list[Line]] = {}
    for code, outcomes in by_reason.items():
        title = CHAPTER_TITLES[REASONS[code].chapter] if code in REASONS else "Other"
        by_chapter.setdefault(title, []).append(_line(code, outcomes))
    return [Chapter(title, tuple(lines)) for title, lines in by_chapter.items()]


def counts(found: list[Chapter]) -> list[tuple[str, int]]:
    """Return how many reasons have which mark, worst first; marks without a reason are left out."""
    counter = Counter(line.kind for chapter in found for line in chapter.lines)
    names = (_plain(mark) for mark in MARKS)
    return [(name, counter[name]) for name in names if counter[name]]


def _line(code: str, outcomes: list[Outcome]) -> Line:
    results = [Result(o.check, _plain(kind(o)), o.why) for o in outcomes if o.check]
    worst = min((kind(o) for o in outcomes), key=list(MARKS).index)
    title = REASONS[code].title if code in REASONS else ""
    return Line(code, title, _plain(worst), code[1:].isdigit(), tuple(results))


def _plain(mark: str) -> str:
    return "unchecked" if mark == NOT_CHECKED else mark
