"""The end of `nndoctor watch`: the same diagnosis and reports as of a check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor import run_folder
from nndoctor.cli import guarded
from nndoctor.commands import options, showing

if TYPE_CHECKING:
    from nndoctor.watching.script import Config


def conclude(config: Config, code: int) -> int:
    """Diagnose and report; return the script's own exit code if it is not 0, else the one of the findings."""
    sys.stdout.flush()

    def report() -> int:
        chosen = showing.Chosen.by(config.select, config.ignore, options.Threshold(config.fail_on).severity)
        return showing.conclude(
            run_folder.opened(Path(config.run)),
            chosen,
            showing.Wanted(tuple(options.Format(name) for name in config.formats)),
            verbose=config.verbose,
            quiet=config.quiet,
        )

    judged = guarded(report)
    return code or judged
