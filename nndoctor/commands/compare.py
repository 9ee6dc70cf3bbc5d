"""`nndoctor compare`: what differs between two runs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nndoctor.commands import options  # noqa: TC001 - typer reads the annotations while running


class ComparisonFormat(StrEnum):
    """Values of `--format`."""

    TERMINAL = "terminal"
    JSON = "json"
    HTML = "html"


def compare(
    before: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the earlier run, under nndoctor-runs/.")],
    after: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the later run.")],
    *,
    formats: Annotated[ComparisonFormat, typer.Option("--format", help="How to print.")] = ComparisonFormat.TERMINAL,
    select: options.Select = None,
    ignore: options.Ignore = None,
) -> None:
    """Say what differs between two runs: code, arguments, hyper-parameters, data, curves, findings.

    Both are diagnosed with today's checks. The exit code is 0 whatever differs.
    """
    import io

    from nndoctor import comparing
    from nndoctor.catalogue import choose, load_catalogue
    from nndoctor.commands.showing import output_console
    from nndoctor.diagnose import diagnose
    from nndoctor.recording import Recording
    from nndoctor.reports import comparison
    from nndoctor.run_folder import opened

    checks = choose(load_catalogue().values(), select=select or [], ignore=ignore or [])
    runs = []
    for path in (before, after):
        folder = opened(path)
        run = Recording.open(folder.recording)
        runs.append(comparing.Compared(folder.path.name, run, diagnose(run, checks)))
    found = comparing.compare(*runs)
    match formats:
        case ComparisonFormat.JSON:
            sys.stdout.write(comparison.render(found))
        case ComparisonFormat.HTML:
            console = output_console()
            console.record, console.file, console.width = True, io.StringIO(), 100
            comparison.show(found, console)
            sys.stdout.write(console.export_html(inline_styles=True))
        case ComparisonFormat.TERMINAL:
            comparison.show(found, output_console())
