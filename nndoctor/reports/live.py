"""The one line that says what the patient is doing. Only on a terminal; a log file gets none of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.text import Text

from nndoctor.reports.words import clean, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console


@contextmanager
def line(console: Console, *, wanted: bool) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield what shows a progress report."""
    if not (wanted and console.is_terminal):
        yield lambda _report: None
        return
    spinner = "line" if console.options.ascii_only else "dots"
    with console.status(Text("starting the script"), spinner=spinner) as status:
        yield lambda report: status.update(Text(described(report), no_wrap=True, overflow="ellipsis"))


def described(report: Mapping[str, Any]) -> str:
    """Return a progress report as text; fields that are missing or odd are left out."""
    parts = [clean(str(report.get("phase", "")))]
    step, of = report.get("step"), report.get("of")
    if isinstance(step, int):
        parts.append(f"step {step}" + (f" of {of}" if isinstance(of, int) and of > 0 else ""))
    for name, label, unit in (("loss", "loss ", ""), ("left", "", " s left")):
        value = report.get(name)
        if isinstance(value, int | float):
            parts.append(f"{label}{number(max(value, 0) if name == 'left' else value)}{unit}")
    return "  ".join(part for part in parts if part)
