"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nndoctor.finding import Severity


class Threshold(StrEnum):
    """Values of `--fail-on`."""

    ERROR = "error"
    WARNING = "warning"
    NEVER = "never"

    @property
    def severity(self) -> Severity | None:
        """The lowest severity that fails, None for never."""
        return None if self is Threshold.NEVER else Severity[self.name]


class Format(StrEnum):
    """Values of `--format` of commands that make no diagnosis."""

    TERMINAL = "terminal"
    JSON = "json"


class Extent(StrEnum):
    """Values of `--trials`."""

    AUTO = "auto"
    ALL = "all"
    NONE = "none"


Trials = Annotated[
    Extent, typer.Option(help="Treat what was found, to see whether it helps: as time allows, everything, or nothing.")
]
Select = Annotated[
    list[str] | None, typer.Option(metavar="CHECKS", help="Only these: slugs or reasons, a,b or repeated.")
]
Ignore = Annotated[list[str] | None, typer.Option(metavar="CHECKS", help="Not these: slugs or reasons.")]
FailOn = Annotated[Threshold, typer.Option(help="Lowest severity that makes the exit code 1.")]
PlainFormats = Annotated[
    list[Format] | None,
    typer.Option("--format", help="What to print [terminal]; may be repeated. With json, only JSON goes to stdout."),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="FORMAT[:FILE]",
        help="terminal, json, junit, sarif or github, to stdout or into a file; may be repeated [terminal].",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Configuration [nndoctor.toml or pyproject.toml, from the script upwards]."),
]
Baseline = Annotated[Path | None, typer.Option(metavar="FILE", help="Findings that are known and accepted.")]
UpdateBaseline = Annotated[bool, typer.Option("--update-baseline", help="Accept what is found now.")]
OwnChecks = Annotated[
    list[Path] | None, typer.Option("--checks", metavar="PATH", help="Further checks: a Python file or a folder.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="The verdict in one line.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="The script's output, symptoms in full, and what each check says.")
]
Diff = Annotated[
    bool, typer.Option("--diff", help="Print the edits as a patch for git apply; the report goes to stderr.")
]
DiffTo = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the edits as a patch for git apply.")]
