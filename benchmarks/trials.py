"""What do the trials say of the zoo? Their verdicts by check, and whether a confirmed one holds on a fresh seed.

Every sick script is checked; for each finding with an applicable treatment the table says confirmed, refuted,
harmless, inconclusive or skipped. Then the script is run again under another seed (which scripts that seed themselves
do not see: for those only the order and the random numbers of the repetitions differ), and what was confirmed before
is wrongly confirmed if it does not help there.

Run `python benchmarks/trials.py [--jobs 2] [--only TEXT] [--budget 60] [--no-fresh]`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accuracy import Case, cases

SEED = re.compile(r"\b(manual_seed|seed_everything|np\.random\.seed|random\.seed|set_seed)\(\s*\d+\s*\)")
OUTCOMES = ("confirmed", "refuted", "harmless", "inconclusive", "skipped")


@dataclass
class Answer:
    """What the trials said of one script."""

    case: Case
    first: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    """By check: the outcome of its trial, "not tried" where there was none."""
    texts: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    fresh: dict[str, str] = field(default_factory=dict)
    """The outcomes under another seed."""

    @property
    def wrong(self) -> list[str]:
        """Checks that were confirmed, and of which the same trial shows nothing under another seed."""
        return [c for c, o in self.outcomes.items() if o == "confirmed" and self.fresh.get(c) == "refuted"]


def examine(case: Case, budget: float, *, source: str = "") -> tuple[str, dict[str, str], dict[str, str]]:
    """Check one script (or another text of it beside its own files); return the first check and the outcomes."""
    with tempfile.TemporaryDirectory() as folder:
        script = case.script
        if source:
            script = Path(folder) / case.script.name
            script.write_text(source)
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "nndoctor", "check", "-q", "--budget", str(budget), "--out", str(out)]
        subprocess.run(
            [*command, str(script)],
            cwd=case.script.parent,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": _path(case)},
            capture_output=True,
            timeout=600,
            check=False,
        )
        file = out / "findings.json"
        entries: list[dict[str, Any]] = json.loads(file.read_text())["diagnosis"] if file.exists() else []
    serious = [entry for entry in entries if entry["severity"] != "note"]
    outcomes = {e["check"]: (e["trial"] or {}).get("outcome", "not tried") for e in serious}
    texts = {e["check"]: (e["trial"] or {}).get("text", "") for e in serious}
    return (serious[0]["check"] if serious else ""), outcomes, texts


def _path(case: Case) -> str:
    return os.pathsep.join(filter(None, [str(case.script.parent), os.environ.get("PYTHONPATH", "")]))


def answer(case: Case, budget: float, *, fresh: bool) -> Answer:
    """Check a script, and once more with another seed in the place of its own."""
    began = time.monotonic()
    first, outcomes, texts = examine(case, budget)
    found = Answer(case, first, outcomes, texts, time.monotonic() - began)
    if fresh and "confirmed" in outcomes.values():
        other = SEED.sub(lambda m: f"{m[1]}(4321)", case.script.read_text())
        found.fresh = examine(case, budget, source=other)[1]
    return found


def main() -> int:
    """Print the table; return 1 if anything was confirmed wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--no-fresh", action="store_true")
    options = parser.parse_args()
    chosen = [c for c in cases(options.only) if c.expectation.split()[0] not in ("nothing", "warning", "note")]
    answers = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for each in pool.map(lambda c: answer(c, options.budget, fresh=not options.no_fresh), chosen):
            answers.append(each)
            print(f"{each.seconds:5.1f}s  {each.case.name}  first: {each.first or '-'}")
            for check, outcome in each.outcomes.items():
                if outcome != "not tried":
                    fresh = f"  fresh seed: {each.fresh[check]}" if check in each.fresh else ""
                    print(f"        {outcome:<12} {check}: {each.texts[check]}{fresh}", flush=True)
    summarise(answers)
    return int(any(each.wrong for each in answers))


def summarise(answers: list[Answer]) -> None:
    """Print the shares that the project promises."""
    counts = Counter(o for each in answers for o in each.outcomes.values() if o != "not tried")
    applicable = sum(counts.values()) - counts["skipped"]
    decided = counts["confirmed"] + counts["refuted"]
    print(", ".join(f"{counts[o]} {o}" for o in OUTCOMES))
    if applicable:
        print(
            f"with a treatment that applies: {applicable}; confirmed or refuted {decided} ({decided / applicable:.0%})"
        )
    repeated = sum(o == "confirmed" and c in each.fresh for each in answers for c, o in each.outcomes.items())
    wrong = sum(len(each.wrong) for each in answers)
    if repeated:
        print(f"confirmed and found again under another seed: {repeated}; wrongly {wrong} ({wrong / repeated:.1%})")


if __name__ == "__main__":
    sys.exit(main())
