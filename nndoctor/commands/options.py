"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
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
    """Values of `--format`."""

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
Formats = Annotated[
    list[Format] | None,
    typer.Option("--format", help="What to print [terminal]; may be repeated. With json, only JSON goes to stdout."),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="The verdict in one line.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="The script's output, symptoms in full, and what each check says.")
]
