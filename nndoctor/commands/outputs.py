"""`--format FORMAT[:FILE]`: what is written, and where to."""

from __future__ import annotations

import difflib
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.reports.examined import Examined


class Format(StrEnum):
    """Values of `--format`."""

    TERMINAL = "terminal"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"
    GITHUB = "github"


_SOURCES = {".py", ".toml", ".ipynb", ".sqlite"}
"""Endings of files that no report is written over: a slip of the keyboard must not cost a script."""


@dataclass(frozen=True, slots=True)
class Output:
    """One report that was asked for. Without a path it goes to stdout."""

    format: Format
    path: Path | None = None

    def ensure_writable(self) -> None:
        """Raise `UsageError` where the file cannot be written, as far as can be told without writing it."""
        if self.path is None:
            return
        if self.path.suffix in _SOURCES:
            raise self._refusal(f"a report is not written to a {self.path.suffix} file")
        if self.path.is_dir():
            raise self._refusal("it is a folder")
        nearest = next((each for each in (self.path, *self.path.parents) if each.exists()), self.path)
        if nearest != self.path and not nearest.is_dir():
            raise self._refusal(f"{nearest} is not a folder")
        if not os.access(nearest, os.W_OK):
            raise self._refusal("permission denied")

    def write(self, text: str) -> None:
        """Write the report. Raises `UsageError` where that fails."""
        if self.path is None:
            sys.stdout.write(text)
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise self._refusal(error.strerror or str(error)) from None

    def _refusal(self, why: str) -> UsageError:
        return UsageError(f"--format {self.format.value}:{self.path} cannot be written: {why}")


def outputs(texts: Sequence[str]) -> tuple[Output, ...]:
    """Return what `--format` asks for; the terminal's report unless another format has stdout.

    Raises `UsageError` for an unknown format, and where two of them would share stdout.
    """
    found = [_output(part) for text in texts for part in ([text] if ":" in text else text.split(","))]
    on_stdout = [o for o in found if o.path is None]
    machine = list(dict.fromkeys(o.format.value for o in on_stdout if o.format is not Format.TERMINAL))
    if len(machine) > 1:
        raise UsageError(
            f"--format {machine[0]} and {machine[1]} would both go to stdout; give one a file: {machine[1]}:FILE"
        )
    if not on_stdout:
        found.append(Output(Format.TERMINAL))
    for each in found:
        each.ensure_writable()
    return tuple(found)


def rendered(output: Output, examined: Sequence[Examined]) -> str:
    """Return the report of a format for programs."""
    from nndoctor.reports import findings_json, github, junit, sarif

    renderers = {
        Format.JSON: findings_json.render_all,
        Format.JUNIT: junit.render,
        Format.SARIF: sarif.render,
        Format.GITHUB: github.render,
    }
    return renderers[output.format](examined)


def _output(text: str) -> Output:
    name, colon, path = text.partition(":")
    try:
        form = Format(name.strip().lower())
    except ValueError:
        known = [each.value for each in Format]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise UsageError(f"--format: unknown format {name!r}; {hint}") from None
    if colon and not path:
        raise UsageError(f"--format {text}: the file is missing after the colon")
    return Output(form, Path(path).absolute() if path else None)
