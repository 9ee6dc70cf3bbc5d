"""The user's files that a recording points to, read for it: a report may be drawn where they no longer are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor.records import KINDS, Placed, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.recording import Recording

MOST_FILES = 40
LONGEST = 200_000
"""Characters of one file."""


def sources(run: Recording) -> Iterator[Source]:
    """Read the files that records name, those named most often first. What cannot be read is left out."""
    named = Counter(row.file for kind in KINDS if issubclass(kind, Placed) for row in run.rows(kind) if row.file)
    for file, _ in named.most_common(MOST_FILES):
        try:
            with Path(file).open(encoding="utf-8", errors="replace") as stream:
                text = stream.read(LONGEST + 1)
        except (OSError, ValueError):  # "<string>", or gone
            continue
        yield Source(file=file, text=text[:LONGEST], cut=len(text) > LONGEST)
