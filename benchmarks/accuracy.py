"""How often is the first entry of the diagnosis the fault? Over the zoo, the samples and the programs of the tests.

Every script says in its first line what is expected of it:

    # expect: missing-zero-grad            this check fires as error or warning, and is the first entry
    # expect: nothing                      no error, and nothing from the check that the folder is named after
    # expect: warning unused-module        no error; this warning, and no other, may be given
    # expect: note needs-more-time         no error; this note is given
    # expect: note simpler-version beside collapsed-predictions    this note is given, and no other error than that

Run `python benchmarks/accuracy.py [--jobs 2] [--only TEXT] [--budget 60]`. Prints a table and exits with 1 if any
script's outcome is not as expected.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from forked import forking

from nndoctor import doctor
from nndoctor.catalogue import load_catalogue
from nndoctor.diagnose import diagnose
from nndoctor.finding import Severity, Status
from nndoctor.recording import Recording
from nndoctor.settings import Settings, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.choice import Extent

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("sample_projects", "tests/programs", "tests/frameworks")
RANKS = "tests/distributed"
"""Scripts for torchrun, which `tests/test_ranks.py` starts."""
NEEDS = "# needs: "


@dataclass
class Case:
    """One script and what is expected of it."""

    script: Path
    expectation: str

    @property
    def name(self) -> str:
        """The path below the repository."""
        return str(self.script.relative_to(ROOT))

    @property
    def missing(self) -> list[str]:
        """The packages that the script's second line asks for and that are not installed."""
        second = self.script.read_text().split("\n", 2)[1]
        names = second.removeprefix(NEEDS).split() if second.startswith(NEEDS) else []
        return [name for name in names if find_spec(name) is None]

    @property
    def shown(self) -> str:
        """The check that the script is to set off, or `nothing`."""
        first, *others = self.expectation.split()
        return others[0] if first in ("note", "warning") else first

    @property
    def beside(self) -> list[str]:
        """The checks that may fire as well: a note can say what is behind an error, and does not come first."""
        words = self.expectation.split()
        return words[words.index("beside") + 1 :] if "beside" in words else []

    @property
    def healthy(self) -> bool:
        """Whether nothing serious is wrong with the script."""
        return self.expectation.split()[0] in ("nothing", "warning", "note") and not self.beside

    @property
    def check(self) -> str:
        """The check that the script's folder is named after; empty outside of the zoo."""
        return self.script.parent.name if self.script.parent.parent.name == "zoo" else ""


@dataclass
class Verdict:
    """What nndoctor said of a script."""

    case: Case
    found: list[tuple[str, str]] = field(default_factory=list)
    """(severity, check) of every entry of the diagnosis, the first one first."""
    exit_code: int = -1
    seconds: float = 0.0
    crashed: list[str] = field(default_factory=list)

    @property
    def _mere_notes(self) -> list[str]:
        """What was found by checks that never give more than a note."""
        known = load_catalogue()
        return [check for _, check in self.found if known[check].severity is Severity.NOTE]

    @property
    def problem(self) -> str:
        """Why the outcome is not as expected; empty if it is."""
        if self.exit_code not in (0, 1):
            return f"exit code {self.exit_code}"
        if self.crashed:
            return f"crashed: {', '.join(self.crashed)}"
        serious = [check for severity, check in self.found if severity in ("error", "warning")]
        errors = [check for severity, check in self.found if severity == "error" and check not in self.case.beside]
        words = self.case.expectation.split()
        if words[0] in ("nothing", "warning", "note"):
            if errors:
                return f"false error {', '.join(errors)}"
            if words[0] == "note":
                return "" if words[1] in [check for _, check in self.found] else "missed"
            if words[0] == "warning" and words[1] not in serious:
                return f"no warning {words[1]}"
            if words[0] == "nothing" and self.case.check in (*serious, *self._mere_notes):
                return f"false {self.case.check}"
            return "" if len(serious) <= 1 else f"warnings {', '.join(serious)}"
        if words[0] not in serious:
            return "missed"
        return "" if serious[0] == words[0] else f"behind {serious[0]}"


OF_TRIALS = {"optimizer-choice"}
"""Checks that speak of trials, which are not made for the other scripts: they take most of the time."""


def cases(only: str = "", folders: Sequence[str] = FOLDERS) -> list[Case]:
    """Return every script that says what is expected of it."""
    found = []
    for folder in folders:
        for script in sorted((ROOT / folder).rglob("*.py")):
            first = script.read_text().partition("\n")[0]
            if first.startswith("# expect: ") and only in str(script.relative_to(ROOT)):
                found.append(Case(script, first.removeprefix("# expect: ").strip()))
    return found


def examine(case: Case, budget: float = 60.0) -> Verdict:
    """Check one script. A smaller budget shortens what follows the experiments. Changes the working directory."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(case.script.parent), forking():
        began = time.monotonic()
        target = Target(name=case.script.name)
        trials: Extent = "all" if case.check in OF_TRIALS else "none"
        settings = Settings(target=target, budget=budget, out=Path(folder) / "run", patience=300.0, trials=trials)
        checks = list(load_catalogue().values())
        run = Recording.open(doctor.examine(settings, show=lambda _report: None, checks=checks).recording)
        diagnosis = diagnose(run, checks)
        return Verdict(
            case,
            found=[(entry.severity.label, entry.check.name) for entry in diagnosis.entries],
            exit_code=int(diagnosis.verdict.exit_code),
            seconds=time.monotonic() - began,
            crashed=[row.check for row in diagnosis.outcomes if row.status is Status.CRASHED],
        )


def main() -> int:
    """Print the table; return 1 if anything is not as expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--budget", type=float, default=60.0)
    options = parser.parse_args()
    chosen = cases(options.only)
    for case in [case for case in chosen if case.missing]:
        print(f"left out: {case.name} needs {', '.join(case.missing)}")
        chosen.remove(case)
    # Processes, because each check needs a working directory of its own.
    with ProcessPoolExecutor(options.jobs) as pool:
        verdicts = []
        for verdict in pool.map(partial(examine, budget=options.budget), chosen):
            verdicts.append(verdict)
            said = " ".join(f"{severity[0]}:{check}" for severity, check in verdict.found) or "-"
            mark = "ok  " if not verdict.problem else "BAD "
            print(
                f"{mark} {verdict.seconds:5.1f}s  {verdict.case.name}  [{verdict.problem or 'as expected'}]  {said}",
                flush=True,
            )
    summarise(verdicts)
    return int(any(v.problem for v in verdicts))


def summarise(verdicts: list[Verdict]) -> None:
    """Print the shares that the project promises."""
    sick = [v for v in verdicts if v.case.expectation == v.case.shown != "nothing"]
    healthy = [v for v in verdicts if v.case.healthy]
    fired = [v for v in sick if any(c == v.case.expectation for s, c in v.found if s != "note")]
    first = [v for v in sick if not v.problem]
    errors = [v for v in healthy if any(s == "error" for s, _ in v.found)]
    warnings = sum(s == "warning" for v in healthy for s, _ in v.found)
    if sick:
        share, leading = len(fired) / len(sick), len(first) / len(sick)
        print(f"sick: {len(sick)}; fired {len(fired)} ({share:.0%}); first {len(first)} ({leading:.0%})")
    if healthy:
        each = warnings / len(healthy)
        print(f"healthy: {len(healthy)}; with an error {len(errors)}; warnings {warnings} ({each:.2f} each)")


if __name__ == "__main__":
    sys.exit(main())
