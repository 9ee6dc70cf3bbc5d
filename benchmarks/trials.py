"""What do the trials say of the zoo? Their verdicts by check, and whether a confirmed one holds on a fresh seed.

Sick scripts are checked; for each error or warning with a treatment the table says what its trial showed. Then the
script is run again under another seed (which scripts that seed themselves do not see: for those only the order and the
random numbers of the repetitions differ), and what was confirmed before is wrongly confirmed if it does nothing there.

With `--time`, instead: what the whole check costs on each sample, as it is and with a fault that is treated, against
the cost of a check that only observes and overfits. CPU seconds do not depend on what else the machine does.

With `--results FILE` (of `benchmarks/inject.py`) only what was confirmed of the mutants in there is run again, under
another seed.

Run `python benchmarks/trials.py [--jobs 2] [--only TEXT] [--every 3] [--budget 60] [--no-fresh] [--time]
[--results FILE]`.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from accuracy import Case, cases
from inject import load
from mutants import Checked, Mutant, written
from verdicts import INAPPLICABLE, share, verdicts

SEED = re.compile(
    r"(\b(?:manual_seed|seed_everything|np\.random\.seed|random\.seed|set_seed)\(\s*"
    r"|\bseed(?:: int)? = |\bSEED = |--seed\", type=int, default=)\d+"
)
SAMPLES = ("digits", "cancer", "finetune", "forecaster", "gpt", "tabular", "vae")
TIMED = ("drop-zero-grad", "rate-times-1e2", "clip-at-1e-6")
"""Faults with a treatment: the first that applies to a sample is put into it."""


@dataclass
class Answer:
    """What the trials said of one script, by check: the outcome and the sentence, and the same under another seed."""

    name: str
    found: dict[str, tuple[str, str]]
    seconds: float
    fresh: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def confirmed(self) -> list[str]:
        """Checks that were confirmed and were found and tried again under another seed."""
        again = [c for c, (outcome, _) in self.found.items() if outcome == "confirmed" and c in self.fresh]
        return [c for c in again if self.fresh[c][0] not in ("skipped", "untried", INAPPLICABLE)]

    @property
    def wrong(self) -> list[str]:
        """Those for which the same trial shows nothing under the other seed."""
        return [c for c in self.confirmed if self.fresh[c][0] in ("refuted", "harmless")]


def examine(script: Path, *options: str, folder: Path) -> dict[str, tuple[str, str]]:
    """Check one script; return what the trials say of its findings."""
    command = [sys.executable, "-m", "nndoctor", "check", "-q", *options, "--out", str(folder / "run")]
    paths = [str(script.parent), os.environ.get("PYTHONPATH", "")]
    subprocess.run(
        [*command, str(script)],
        cwd=script.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        timeout=600,
        check=False,
    )
    return verdicts(folder / "run")


def answer(case: Case, budget: float, *, fresh: bool) -> Answer:
    """Check a script, and once more with another seed in the place of its own."""
    options = ("--budget", str(budget))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = Answer(case.name, examine(case.script, *options, folder=Path(folder)), time.monotonic() - began)
    if fresh and any(outcome == "confirmed" for outcome, _ in found.found.values()):
        with tempfile.TemporaryDirectory() as folder:
            # Beside its own files, which it may import or read.
            other = case.script.with_name(f"_{os.getpid()}_{case.script.name}")
            other.write_text(_reseeded(case.script.read_text()))
            try:
                found.fresh = examine(other, *options, "--seed", "4321", folder=Path(folder))
            finally:
                other.unlink()
    return found


def _reseeded(source: str) -> str:
    return SEED.sub(lambda m: f"{m[1]}4321", source)


def again(row: Checked, budget: float) -> Answer:
    """Check a mutant under another seed, of which the results keep what was confirmed before."""
    operators, _, base = row.key.rpartition("@")
    with written(Mutant(base, tuple(operators.split("+")))) as script, tempfile.TemporaryDirectory() as folder:
        for file in script.parent.glob("*.py"):
            file.write_text(_reseeded(file.read_text()))
        found = {check: (outcome, "") for check, outcome in row.trials.items()}
        fresh = examine(script, "--budget", str(budget), "--seed", "4321", folder=Path(folder))
    return Answer(row.key, found, row.seconds, fresh)


def show(each: Answer) -> None:
    """Print what the trials said of one script."""
    print(f"{each.seconds:5.1f}s  {each.name}")
    for check, (outcome, text) in each.found.items():
        fresh = f"  fresh seed: {each.fresh[check][0]}" if check in each.fresh and outcome == "confirmed" else ""
        print(f"        {outcome:<12} {check}: {text}{fresh}", flush=True)


def summarise(answers: list[Answer]) -> None:
    """Print the shares that the project promises."""
    print(share(outcome for each in answers for outcome, _ in each.found.values()))
    repeated = sum(len(each.confirmed) for each in answers)
    wrong = sum(len(each.wrong) for each in answers)
    if repeated:
        print(f"confirmed and tried again under another seed: {repeated}; wrongly {wrong} ({wrong / repeated:.1%})")


# ---- what it costs


def cost(script: Path, *options: str) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of one check, with all processes that it starts."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        examine(script, *options, folder=Path(folder))
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def timed(only: str) -> None:
    """Print for each sample, as it is and with a fault, the cost of the check and of one that observes and overfits."""
    print(f"{'':<34} observe + overfit     whole check     ratio (CPU)")
    for sample in SAMPLES:
        fault = next((name for name in TIMED if Mutant(sample, (name,)).files()), None)
        for mutant in [Mutant(sample, ())] + ([Mutant(sample, (fault,))] if fault else []):
            if only not in sample:
                continue
            with written(mutant) as script:
                least, least_cpu = cost(script, "--quick", "--no-trials", "--budget", "60")
                whole, whole_cpu = cost(script)
            name = mutant.key.lstrip("@")
            print(
                f"{name:<34} {least:6.1f} s ({least_cpu:5.1f})  {whole:6.1f} s ({whole_cpu:5.1f})"
                f"  {whole / least:.2f} ({whole_cpu / least_cpu:.2f})",
                flush=True,
            )


def main() -> int:
    """Print the table; return 1 if anything was confirmed wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="scripts whose path holds this text")
    parser.add_argument("--every", type=int, default=1, help="every so manieth of the scripts, in alphabetical order")
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--no-fresh", action="store_true")
    parser.add_argument("--time", action="store_true", help="measure what trials cost")
    parser.add_argument("--results", type=Path, help="mutants whose confirmed findings are tried again")
    options = parser.parse_args()
    if options.time:
        timed(options.only)
        return 0
    if options.results:
        rows = [r for r in load(options.results)[0].values() if "confirmed" in r.trials.values()]
        with ThreadPoolExecutor(options.jobs) as pool:
            answers = list(pool.map(lambda r: again(r, options.budget), rows[:: options.every]))
        for each in answers:
            show(each)
        summarise(answers)
        return int(any(each.wrong for each in answers))
    sick = [c for c in cases(options.only) if c.expectation.split()[0] not in ("nothing", "warning", "note")]
    chosen = sorted(sick, key=lambda case: case.name)[:: options.every]
    answers = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for each in pool.map(lambda c: answer(c, options.budget, fresh=not options.no_fresh), chosen):
            answers.append(each)
            show(each)
    summarise(answers)
    return int(any(each.wrong for each in answers))


if __name__ == "__main__":
    sys.exit(main())
