"""The user's source files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile(Record):
    """A source file that other records name, as it was when the script ran.

    `digest` is the SHA-256 of its bytes. Files that were written while the script ran have no row.
    """

    KEY: ClassVar[tuple[str, ...]] = ("file",)

    file: str = ""
    digest: str = ""
