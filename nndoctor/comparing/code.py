"""Which places of the user's files differ."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from nndoctor.records import Source, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nndoctor.recording import Recording

SHORT = 60
ALIKE = 0.4
"""Share of equal lines below which two files are no versions of one another."""


@dataclass(frozen=True, slots=True)
class CodeChange:
    """One place of one file: the lines that went, the lines that came. Both are empty where only hashes are known."""

    file: str
    line: int
    """In the later run's file, counted from 1; 0 where the whole file is meant."""
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    what: str = ""
    """What became of the file, where the whole file is meant."""

    @property
    def told(self) -> str:
        """The change in one sentence."""
        if self.what:
            return f"{self.file} {self.what}"
        if len(self.removed) == len(self.added) == 1:
            return f"{self.file}:{self.line}: `{_short(self.removed[0])}` is now `{_short(self.added[0])}`"
        counts = [(len(self.added), "added"), (len(self.removed), "removed")]
        lines = " and ".join(f"{count} line{'s' * (count > 1)} {verb}" for count, verb in counts if count)
        return f"{self.file}:{self.line}: {lines}"


def code_changes(before: Recording, after: Recording) -> tuple[list[CodeChange], bool]:
    """Return what differs, and whether the code of both runs is known."""
    old, new = _texts(before), _texts(after)
    old_digests, new_digests = ({r.file: r.digest for r in run.rows(SourceFile)} for run in (before, after))
    if not ((old and new) or (old_digests and new_digests)):
        return [], False
    changes = []
    for first, second in _pairs(before, after, old.keys() | old_digests.keys(), new.keys() | new_digests.keys()):
        if not first or not second:
            changes.append(CodeChange(first or second, 0, what="is part of one run only"))
        elif first in old and second in new:
            changes += _hunks(second, old[first], new[second])
        elif old_digests.get(first, "") != new_digests.get(second, ""):
            changes.append(CodeChange(second, 0, what="has changed"))
    return changes, True


def _texts(run: Recording) -> Mapping[str, list[str]]:
    return {row.file: row.text.splitlines() for row in run.rows(Source)}


def _pairs(before: Recording, after: Recording, old: set[str], new: set[str]) -> Iterator[tuple[str, str]]:
    """Match files: script to script, then by path, then by name where that is unique."""
    left, right = set(old), set(new)
    scripts = before.environment("script"), after.environment("script")
    candidates = [scripts, *((file, file) for file in sorted(old))]
    for name in sorted({PurePath(file).name for file in old}):
        ones = [[f for f in files if PurePath(f).name == name] for files in (old, new)]
        candidates += [(ones[0][0], ones[1][0])] if all(len(each) == 1 for each in ones) else []
    for first, second in candidates:
        if first in left and second in right:
            left.discard(first)
            right.discard(second)
            yield first, second
    yield from ((file, "") for file in sorted(left))
    yield from (("", file) for file in sorted(right))


def _hunks(file: str, old: list[str], new: list[str]) -> Iterator[CodeChange]:
    """Yield the places that differ. Those that touch only blank lines and comments change nothing, and are left out."""
    matcher = difflib.SequenceMatcher(
        None, [line.rstrip() for line in old], [line.rstrip() for line in new], autojunk=False
    )
    if matcher.ratio() < ALIKE:
        yield CodeChange(file, 0, what="is another program")
        return
    for kind, a, b, c, d in matcher.get_opcodes():
        removed, added = ([line for line in lines if _counts(line)] for lines in (old[a:b], new[c:d]))
        if kind != "equal" and removed != added:
            yield CodeChange(file, min(c + 1, len(new)), tuple(removed), tuple(added))


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _short(line: str) -> str:
    text = line.strip()
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."
