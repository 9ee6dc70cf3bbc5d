"""The user's source files as they were when the script ran; one that has changed since is not read for an edit.

Only files below the working directory: what lies elsewhere is not ours to patch.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor.prescription.change import patchable
from nndoctor.prescription.source import Source
from nndoctor.records import KINDS, Placed, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nndoctor.recording import Recording

LARGEST = 1_000_000
"""Characters; what is longer was not written by hand."""


class Files:
    """The files that a recording names, read when they are first asked for."""

    def __init__(self, run: Recording) -> None:
        self._digests = {row.file: row.digest for row in run.rows(SourceFile)}
        self._home = Path(run.environment("cwd") or ".")
        self._read: dict[str, Source | None] = {}

    def of(self, file: str) -> Source | None:
        """Return a file, None where it has changed since the run, cannot be read or lies elsewhere."""
        if file not in self._read:
            self._read[file] = self._source(file)
        return self._read[file]

    def all(self) -> Iterator[Source]:
        """Yield every file that can be read."""
        for file in self._digests:
            if (source := self.of(file)) is not None:
                yield source

    def _source(self, file: str) -> Source | None:
        expected = self._digests.get(file)
        full = self._home / file
        try:
            inside = full.resolve().is_relative_to(Path.cwd().resolve()) and not full.is_symlink()
            if expected is None or not inside or not full.is_file():
                return None
            content = full.read_bytes()
            path = full.relative_to(Path.cwd()).as_posix()
            if len(content) > LARGEST or digest(content) != expected or not patchable(path):
                return None
            return Source(content.decode("utf-8"), file=file, path=path)
        except (OSError, ValueError, SyntaxError):  # also no UTF-8, a path through a link, a form feed too many
            return None


def fingerprints(run: Recording, *, home: Path, since: float) -> Iterator[SourceFile]:
    """Yield what the files that a recording names hold now; not of those that were written after `since`."""
    placed = (kind for kind in KINDS if issubclass(kind, Placed))
    names = {row.file for kind in placed for row in run.rows(kind) if isinstance(row, Placed)}
    yield from fingerprinted(names, home=home, since=since)


def fingerprinted(names: Iterable[str], *, home: Path, since: float) -> Iterator[SourceFile]:
    """Yield what files hold now; not of those that were written after `since`."""
    for name in sorted({*names} - {""}):
        full = home / name
        try:
            if name.startswith("<") or not full.is_file() or os.stat(full).st_mtime > since:  # noqa: PTH116
                continue
            yield SourceFile(file=name, digest=digest(full.read_bytes()))
        except OSError:
            continue


def digest(content: bytes) -> str:
    """Return what a file is recognised by."""
    return hashlib.sha256(content).hexdigest()
