"""The end of `nndoctor watch`: the same diagnosis and reports as of a check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor import run_folder
from nndoctor.cli import guarded
from nndoctor.commands import showing
from nndoctor.commands.asked import Asked

if TYPE_CHECKING:
    from nndoctor.watching.script import Config


def conclude(config: Config, code: int) -> int:
    """Diagnose and report; return the script's own exit code if it is not 0, else the one of the findings."""
    sys.stdout.flush()

    def report() -> int:
        asked = Asked(
            select=config.select,
            ignore=config.ignore,
            fail_on=config.fail_on,
            formats=config.formats,
            verbose=config.verbose,
            quiet=config.quiet,
        )
        examined = showing.examined(run_folder.opened(Path(config.run)), showing.Chosen.by(asked))
        showing.publish([examined], asked.outputs, asked)
        return int(examined.diagnosis.verdict.exit_code)

    judged = guarded(report)
    return code or judged
