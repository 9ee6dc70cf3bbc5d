"""Where in the user's own code are we? Asked many times a step, so verdicts on files are remembered."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import sysconfig
from pathlib import Path
from typing import Final

_START: Final = str(Path.cwd())
"""Places are relative to where the user started, also after the script has changed its working directory."""
_PACKAGES: Final = frozenset({"site-packages", "dist-packages", "nndoctor_checks"})
_GENERATED: Final = ("<frozen ", "<eval_with_key>", "<attrs generated", "<__array_function__")
"""Beginnings of the names under which libraries compile code of their own; other `<...>` is a notebook's or exec's."""
_shown: dict[str, str] = {}
"""By `co_filename`: how the file is shown; empty where it is not the user's."""


def user_place(skip: int = 0) -> tuple[str, int, str]:
    """Return file, line and function of the innermost frame of the user's code; ("", 0, "") where there is none.

    `skip` leaves out that many frames above the caller. Files below the working directory are relative to it.
    """
    try:
        frame = sys._getframe(1 + skip)
    except ValueError:
        return ("", 0, "")
    shown = _shown
    while frame is not None:
        code = frame.f_code
        name = code.co_filename
        file = shown.get(name)
        if file is None:
            file = shown[name] = _judged(name)
        # The methods that dataclasses and named tuples generate are compiled as <string>; their caller says more.
        if file and not (name == "<string>" and code.co_name.startswith("__")):
            return (file, frame.f_lineno or 0, code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return ("", 0, "")


def source_line(file: str, line: int) -> str:
    """Return a line of the user's source without its indentation; empty where it cannot be read."""
    name = file if file.startswith("<") else os.path.join(_START, file)  # noqa: PTH118
    try:
        return linecache.getline(name, line).strip()
    except Exception:  # noqa: BLE001 - a notebook's own loader may raise anything
        return ""


def terms_written(file: str, line: int) -> list[str]:
    """Return the terms of the sum that a statement of the user's computes, as written; empty where there is none."""
    name = file if file.startswith("<") else os.path.join(_START, file)  # noqa: PTH118
    try:
        tree = ast.parse("".join(linecache.getlines(name)))
    except Exception:  # noqa: BLE001 - as above; and a file may have changed since it was read
        return []
    around = [s for s in ast.walk(tree) if isinstance(s, ast.stmt) and s.lineno <= line <= (s.end_lineno or 0)]
    statement = max(around, key=lambda s: s.lineno, default=None)
    value = getattr(statement, "value", None)
    return [ast.unparse(term) for term in _terms(value)] if isinstance(value, ast.BinOp) else []


def _terms(value: ast.expr) -> list[ast.expr]:
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        return [*_terms(value.left), *_terms(value.right)]
    return [value]


def shown_file(name: str) -> str:
    """Return how a file of the user's is shown; empty for a file that is not the user's."""
    return _judged(name)


def _judged(name: str) -> str:
    """Return how a file is shown, empty where it is not the user's."""
    if name.startswith("<"):
        return "" if name.startswith(_GENERATED) else name
    full = os.path.abspath(name)  # noqa: PTH100 - links are kept as the user wrote them
    if not _PACKAGES.isdisjoint(Path(full).parts) or full.startswith(_library_folders()):
        return ""
    below = os.path.join(_START, "")  # noqa: PTH118
    return full.removeprefix(below)


def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {
        paths["stdlib"],
        paths["platstdlib"],
        str(Path(os.__file__).parent),
        str(Path(__file__).absolute().parent),
    }
    # torch may be run from its own source tree, outside of site-packages.
    torch_file = getattr(sys.modules.get("torch"), "__file__", None)
    if torch_file:
        folders.add(os.path.dirname(torch_file))  # noqa: PTH120
    folders |= {os.path.realpath(folder) for folder in folders}
    return tuple(os.path.join(folder, "") for folder in folders)  # noqa: PTH118
