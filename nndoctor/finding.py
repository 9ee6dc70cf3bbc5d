"""What a check concludes: findings, their evidence, and the outcome of the check as a whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.records import Placed


class Severity(IntEnum):
    """How bad a finding is. `ERROR`: the run is broken or its result means nothing."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The lower-case name, as users write it."""
        return self.name.lower()


class Status(StrEnum):
    """What became of one check on one run. A check that could not look never reads as one that saw nothing."""

    PASSED = "passed"
    FINDING = "finding"
    NOTE = "note"
    ACCEPTED = "accepted"
    SKIPPED = "skipped"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A place in the user's code. `line` counts from 1."""

    file: str
    line: int
    function: str = ""

    @classmethod
    def of(cls, record: Placed | None) -> SourceLine | None:
        """Return the place that a record knows, or None."""
        if record is None or not record.file:
            return None
        return cls(record.file, record.line, record.function)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured number beside what was expected. `expected` is text such as "<= 0.1" or "about 2.30"."""

    label: str
    value: float
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A number over steps."""

    label: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a header."""

    label: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """A line of code, an exception or another text of the user's, shown as it is."""

    label: str
    text: str


Evidence = Measure | Curve | Table | Quote
"""Closed union: every renderer matches all of them and ends in `assert_never`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One conclusion of a check.

    `message` holds the number and stands for itself; `advice` is in the imperative. `severity` overrides the check's
    own where the measured case is milder or worse. `certain` is False where the conclusion was inferred rather than
    measured directly; the diagnosis ranks it lower.
    """

    message: str
    advice: str
    where: SourceLine | None = None
    names: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    severity: Severity | None = None
    title: str = ""
    certain: bool = True
    explains: frozenset[str] | None = None
    """The checks that may be symptoms of this finding, where it is too mild to explain all that its check can."""
    since: tuple[int, int] = (0, 0)
    """The phase of the script and the step in it where this was first so; (0, 0) if at the start, or if not known."""
    treatments: tuple[str, ...] | None = None
    """The treatments that may show whether this is the cause, where they are not those of its check."""


class Skip(Exception):  # noqa: N818 - not an error: the check could not look, and says why
    """Raised by a check that cannot judge this run. The text is the reason that the report shows."""


def curve(label: str, steps: Sequence[int], values: Sequence[float], most: int = 200) -> Curve:
    """Return a curve without its non-finite points, thinned to at most `most` evenly spaced ones (last one kept)."""
    points = [(s, v) for s, v in zip(steps, values, strict=True) if math.isfinite(v)]
    stride = max(1, math.ceil(len(points) / most))
    kept = points[::stride]
    if points and kept[-1] != points[-1]:
        kept.append(points[-1])
    return Curve(label, tuple(s for s, _ in kept), tuple(v for _, v in kept))


def names_shown(names: Sequence[str], most: int = 4) -> str:
    """Return names for a sentence: `a, b, c and 5 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
