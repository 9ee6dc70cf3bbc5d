"""A few lines of the user's code around a place: as recorded, else from the file where it still exists."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor.records import Source
from nndoctor.reports.places import shown_path

if TYPE_CHECKING:
    from nndoctor.finding import SourceLine
    from nndoctor.recording import Recording

AROUND = 3
"""Lines before and after the place."""
LONGEST = 200_000


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One line; `here` marks the place itself."""

    number: int
    text: str
    here: bool


@dataclass(frozen=True, slots=True)
class Snippet:
    """A place and the code around it; `lines` is empty where the file is not known."""

    place: str
    function: str
    lines: tuple[CodeLine, ...]


class Code:
    """The user's files."""

    def __init__(self, run: Recording) -> None:
        self._files = {source.file: source.text.splitlines() for source in run.rows(Source)}

    def around(self, where: SourceLine | None) -> Snippet | None:
        """Return the code around a place; None where no place is known."""
        if where is None:
            return None
        lines = self._lines(where.file)
        begin, end = max(1, where.line - AROUND), min(len(lines), where.line + AROUND)
        chosen = [CodeLine(n, lines[n - 1], n == where.line) for n in range(begin, end + 1)]
        if not 1 <= where.line <= len(lines):
            chosen = []
        return Snippet(f"{shown_path(where.file)}:{where.line}", where.function, tuple(_dedented(chosen)))

    def _lines(self, file: str) -> list[str]:
        if file not in self._files:
            self._files[file] = _read(file)
        return self._files[file]


def _read(file: str) -> list[str]:
    """Read a file of which the recording holds no copy: an older recording, or one that was cut off."""
    if not os.path.isfile(file):  # noqa: PTH113 - "<string>" and the like are no paths
        return []
    with Path(file).open(encoding="utf-8", errors="replace") as stream:
        return stream.read(LONGEST).splitlines()


def _dedented(lines: list[CodeLine]) -> list[CodeLine]:
    full = [line.text.expandtabs(4) for line in lines]
    indent = min((len(t) - len(t.lstrip()) for t in full if t.strip()), default=0)
    return [CodeLine(line.number, text[indent:], line.here) for line, text in zip(lines, full, strict=True)]
