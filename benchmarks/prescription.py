"""Does the prescription help? Applies its patch to copies of the zoo's sick scripts and checks them again.

Run `python benchmarks/prescription.py [--only TEXT] [--runs DIR] [--no-again]`. `--runs` keeps the first checks, and
uses those that are there. For each script with an edit:

    healthy   the check that the script is named after is silent, and there is no error left
    better    it is silent, or there are fewer errors, but some error is left
    same      nothing of that
    worse     more errors than before, or the patched script does not run

Exits with 1 if any is worse, or if fewer than 60 % are healthy.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked import nndoctor

from nndoctor.prescription.edits import EDITS

ROOT = Path(__file__).resolve().parent.parent
ZOO = ROOT / "sample_projects" / "zoo"
TARGET = 0.6
MARKS = ("healthy", "better", "same", "worse")


@dataclass(frozen=True)
class State:
    """What nndoctor said of a script."""

    exit_code: int
    status: str
    errors: frozenset[str]
    warnings: frozenset[str]

    @property
    def ran(self) -> bool:
        """Whether the script could be judged."""
        return self.exit_code in (0, 1)


def main() -> int:
    """Print a line for each script, then the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="scripts whose path holds this text")
    parser.add_argument("--runs", type=Path, help="folder that keeps the first checks")
    parser.add_argument("--no-again", action="store_true", help="stop after the first checks")
    options = parser.parse_args()
    results = []
    for script in scripts(options.only):
        with tempfile.TemporaryDirectory() as folder:
            result = examined(script, options.runs or Path(folder) / "runs", Path(folder), again=not options.no_again)
        results.append(result)
        print(f"{result:<8}  {script.relative_to(ZOO)}", flush=True)
    return summarise(results)


def scripts(only: str) -> list[Path]:
    """Return the sick scripts of the checks that have an edit."""
    found = [script for slug in sorted(EDITS) for script in sorted((ZOO / slug).glob("sick*.py"))]
    return [script for script in found if only in str(script.relative_to(ZOO))]


def examined(script: Path, runs: Path, folder: Path, *, again: bool) -> str:
    """Check a script, apply the patch to a copy, check that. Returns how it went, `none` where there is no patch."""
    run = runs / f"{script.parent.name}_{script.stem}"
    if not (run / "findings.json").exists():
        runs.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(run, ignore_errors=True)
        nndoctor("check", "-q", "--out", str(run), script.name, cwd=script.parent)
    file = folder / "edits.patch"
    nndoctor("report", str(run), "-q", "--diff-to", str(file), cwd=script.parent)
    before = state(run)
    if not file.exists():
        return "none"
    if not again:
        return "patch"
    copy = folder / script.parent.name
    shutil.copytree(script.parent, copy)
    subprocess.run(["git", "apply", str(file)], cwd=copy, check=True)  # noqa: S607
    nndoctor("check", "-q", "--out", str(folder / "again"), script.name, cwd=copy)
    return judged(script.parent.name, before, state(folder / "again"))


def state(run: Path) -> State:
    """Read what was found."""
    content: dict[str, Any] = json.loads((run / "findings.json").read_text())
    by = {
        severity: frozenset(e["check"] for e in content["diagnosis"] if e["severity"] == severity)
        for severity in ("error", "warning")
    }
    return State(content["exit_code"], content["status"], by["error"], by["warning"])


def judged(slug: str, before: State, after: State) -> str:
    """Compare the two."""
    if not after.ran and before.ran:
        return "worse"
    if len(after.errors) > len(before.errors):
        return "worse"
    gone = slug not in after.errors | after.warnings
    if gone and not after.errors and after.status == "healthy":
        return "healthy"
    return "better" if gone or len(after.errors) < len(before.errors) else "same"


def summarise(results: list[str]) -> int:
    """Print the shares; return the exit code."""
    counted = {mark: results.count(mark) for mark in MARKS}
    edited = sum(counted.values())
    print(f"{len(results)} scripts, {results.count('none')} without an edit")
    if not edited:
        return 0
    print(", ".join(f"{mark} {count} ({count / edited:.0%})" for mark, count in counted.items()))
    return int(counted["worse"] > 0 or counted["healthy"] < TARGET * edited)


if __name__ == "__main__":
    sys.exit(main())
