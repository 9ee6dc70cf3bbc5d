"""The end of `nndoctor watch`: the same diagnosis and reports as of a check."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor import run_folder
from nndoctor.cli import guarded
from nndoctor.commands import showing
from nndoctor.commands.asked import Asked

if TYPE_CHECKING:
    from nndoctor.watching.script import Config


def conclude(config: Config, code: int, start: Path) -> int:
    """Diagnose and report from `start`; return the script's exit code if it is not 0, else that of the findings."""
    sys.stdout.flush()

    def report() -> int:
        told = dict(config.asked)
        told["baseline"] = Path(told["baseline"]) if told.get("baseline") else None
        told["own_checks"] = [Path(path) for path in told.get("own_checks", ())]
        asked = Asked(**told)
        os.chdir(start)  # the script may have gone elsewhere
        examined = showing.examined(run_folder.opened(Path(config.run)), showing.Chosen.by(asked))
        showing.publish([examined], asked.outputs, asked)
        return int(examined.diagnosis.verdict.exit_code)

    judged = guarded(report)
    return code or judged
