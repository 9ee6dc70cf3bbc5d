"""How places in the user's code are shown."""

from __future__ import annotations

import linecache
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from nndoctor.finding import SourceLine


def shown_path(file: str) -> str:
    """Return a path as the user would type it: relative to the working directory where it lies below."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def shown(where: SourceLine) -> str:
    """Return `file:line`, which most editors' terminals open when it is clicked."""
    return f"{shown_path(where.file)}:{where.line}"


def linked(where: SourceLine, style: str = "") -> Text:
    """Return `file:line` that terminals which know hyperlinks open when it is clicked."""
    text = Text(clean(shown(where)), style=style)
    path = Path(where.file)
    if path.is_file():
        text.stylize(Style(link=f"{path.absolute().as_uri()}#{where.line}"))
    return text


def source_of(where: SourceLine) -> str:
    """Return the line of code, stripped; empty where the file has gone."""
    if not os.path.isfile(where.file):  # noqa: PTH113 - "<string>" and the like are no paths
        return ""
    linecache.checkcache(where.file)
    return linecache.getline(where.file, where.line).strip()
