"""The end of `nndoctor watch`: the same diagnosis and reports as of a check."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor import run_folder
from nndoctor.cli import guarded
from nndoctor.commands import showing
from nndoctor.commands.asked import Asked
from nndoctor.prescription.files import fingerprints
from nndoctor.recording import FILE_NAME, Recorder, Recording
from nndoctor.reports.words import soften
from nndoctor.sources import sources

if TYPE_CHECKING:
    from nndoctor.watching.script import Config


def conclude(config: Config, code: int, start: Path) -> int:
    """Diagnose and report from `start`; return the script's exit code if it is not 0, else that of the findings."""
    sys.stdout.flush()
    soften(sys.stdout, sys.stderr)

    def report() -> int:
        told = dict(config.asked)
        told["baseline"] = Path(told["baseline"]) if told.get("baseline") else None
        told["own_checks"] = [Path(path) for path in told.get("own_checks", ())]
        asked = Asked(**told)
        os.chdir(start)  # the script may have gone elsewhere
        keep_code(Path(config.run))
        examined = showing.examined(run_folder.opened(Path(config.run)), showing.Chosen.by(asked))
        showing.publish([examined], asked.outputs, asked)
        return int(examined.diagnosis.verdict.exit_code)

    judged = guarded(report)
    return code or judged


def keep_code(run: Path) -> None:
    """Add the user's files to the recording, for `nndoctor compare`; not those written since the training began."""
    path = run / FILE_NAME
    seen = Recording.open(path)
    home = Path(seen.environment("cwd") or run)
    with contextlib.suppress(OSError, sqlite3.Error), contextlib.chdir(home):  # the script may have gone elsewhere
        since = (run / "watch.json").stat().st_mtime
        digests = {row.file: row for row in fingerprints(seen, home=home, since=since)}
        recorder = Recorder(path)
        for row in (*digests.values(), *(s for s in sources(seen) if s.file in digests)):
            recorder.add(row)
        recorder.close()
