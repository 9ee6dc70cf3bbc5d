"""What an edit proposes, several of them put together, and the patch that `git apply` takes."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from nndoctor.prescription.source import Replacement, Source, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNQUOTED = re.compile(r'[^\x00-\x1f\x7f"\\]+')
"""Paths that a patch may name as they are."""


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of one file. `text` says in an imperative sentence what it does."""

    source: Source
    replacements: tuple[Replacement, ...]
    text: str

    @classmethod
    def of(cls, source: Source, text: str, *replacements: Replacement) -> Change:
        """Return an edit made of these replacements."""
        return cls(source, replacements, text)

    @property
    def line(self) -> int:
        """The first line that it touches."""
        at = min(each.start for each in self.replacements)
        return len(re.findall(r"\r\n|\r|\n", self.source.text[:at])) + 1


def together(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that can all be made at once: of two that collide, the first."""
    kept: list[Change] = []
    for change in changes:
        same = [each for each in kept if each.source is change.source]
        taken = [r for each in same for r in each.replacements]
        if any(r.collides(t) for r in change.replacements for t in taken):
            continue
        if valid(change.source, [*taken, *change.replacements]):
            kept.append(change)
    return kept


def valid(source: Source, replacements: Sequence[Replacement]) -> bool:
    """Whether replacements do not collide, change something, and leave a file that parses."""
    ranked = sorted(replacements)
    if any(a.collides(b) for a, b in pairwise(ranked)):
        return False
    text = source.with_changes(ranked)
    if text == source.text:
        return False
    try:
        parsed(text)
    except SyntaxError:
        return False
    return True


def patch(changes: Sequence[Change], *, context: int = 3) -> str:
    """Return one patch of all changes, which must go together."""
    files: dict[str, list[Change]] = {}
    for change in changes:
        files.setdefault(change.source.path, []).append(change)
    return "".join(_diff(group, context) for _, group in sorted(files.items()))


def patchable(path: str) -> bool:
    """Whether a patch can name the path."""
    return UNQUOTED.fullmatch(path) is not None


def _diff(changes: Sequence[Change], context: int) -> str:
    source = changes[0].source
    after = source.with_changes([r for change in changes for r in change.replacements])
    # Without a `diff --git` line: git then takes the paths relative to the working directory, as `patch` does.
    tab = "\t" if " " in source.path else ""
    rows = difflib.unified_diff(
        _lines(source.text), _lines(after), f"a/{source.path}{tab}", f"b/{source.path}{tab}", n=context
    )
    return "".join(_ended(rows))


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _ended(rows: Iterator[str]) -> Iterator[str]:
    for row in rows:
        yield row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n"
