"""The patch on stdout or in a file. Nothing is applied, and no file that is not a patch is written over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.text import Text

from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

NONE = "no edit is certain enough for a patch"
START = b"--- a/"


def ensure_writable(path: Path) -> None:
    """Raise `UsageError` where a patch cannot be written, or would replace something else."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"--diff-to {path}: not a file in a folder that exists")
    try:
        with path.open("rb") as existing:
            first = existing.read(len(START))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"--diff-to {path}: {error.strerror}") from None
    if first not in (START, b""):
        raise UsageError(f"--diff-to {path} exists and is no patch; name another file")


def deliver(patch: str, path: Path | None, console: Console, *, to_stdout: bool) -> None:
    """Write the patch to the file, if any, and to stdout. Says so where there is nothing to write."""
    if not patch:
        console.print(Text(NONE))
        return
    content = patch.encode("utf-8")  # bytes: line ends stay as the sources have them
    if to_stdout:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    if path is None:
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"--diff-to {path}: {error.strerror}") from None
    console.print(Text(f"patch: {path}"), soft_wrap=True)
