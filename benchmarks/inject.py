"""How many injected faults does nndoctor name? Puts known faults into healthy programs and checks each mutant.

Run `python benchmarks/inject.py [--only TEXT] [--samples 2] [--programs NAME ... | --fresh | --unseen]
[--pairs 20] [--budget 25] [--jobs 1] [--list]`.
Results are kept in `--results`, one line of JSON each; a second call with the same file does only what is missing.
`--native` runs the mutants without nndoctor instead: whether they raise, and how well they learn. `--markdown` writes
the table of what is in the results.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from faults import OPERATORS
from injected_faults import page
from mutants import FRESH, SCORES, SEEN, UNSEEN, Checked, Mutant, Native, choose, choose_pairs, examine, run_natively


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="operators whose name holds this text")
    parser.add_argument("--samples", type=int, default=2, help="programs for each operator")
    parser.add_argument("--programs", nargs="+", default=list(SEEN), choices=SCORES, help="which to put faults into")
    parser.add_argument("--fresh", action="store_true", help="put faults into programs written after the checks")
    parser.add_argument("--unseen", action="store_true", help="put faults into those that no check knows of")
    parser.add_argument("--pairs", type=int, default=0, help="programs with two faults; no single ones are run then")
    parser.add_argument("--budget", type=float, default=25.0, help="of nndoctor, in seconds")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--before", default="", help="put in front of each run of nndoctor: nice, taskset, a queue")
    parser.add_argument("--native", action="store_true", help="run the mutants without nndoctor")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--results", type=Path, default=Path("nndoctor-runs/injected.jsonl"))
    parser.add_argument("--markdown", type=Path, help="where the table goes")
    return parser.parse_args()


def chosen(options: argparse.Namespace, native: dict[str, Native]) -> list[Mutant]:
    """Return the mutants that the options ask for."""
    if options.pairs:
        return choose_pairs(options.pairs, native)
    programs = options.programs
    if options.fresh or options.unseen:
        asked = (FRESH if options.fresh else frozenset()) | (UNSEEN if options.unseen else frozenset())
        programs = [base for base in SCORES if base in asked]
    return choose(options.only, options.samples, programs, {row.key for row in native.values() if row.raised})


def load(path: Path) -> tuple[dict[str, Checked], dict[str, Native]]:
    """Return the results of earlier calls."""
    checked, native = {}, {}
    for line in path.read_text().splitlines() if path.exists() else []:
        row = json.loads(line)
        if "found" in row:
            checked[row["key"]] = Checked(**row)
        else:
            native[row["key"]] = Native(**row)
    return checked, native


def main() -> int:
    """Run what is missing; print the tables."""
    options = arguments()
    checked, native = load(options.results)
    mutants = chosen(options, native)
    if options.list:
        for mutant in mutants:
            print(mutant.key, " ", "; ".join(OPERATORS[name].summary for name in mutant.operators))
        return 0
    options.results.parent.mkdir(parents=True, exist_ok=True)
    if options.native:
        import sklearn.datasets  # noqa: F401 - imported once, for all forks
        import torch.utils.data  # noqa: F401

        controls = [Mutant(base, ()) for base in dict.fromkeys(m.base for m in mutants)]
        while missing := [m for m in (*controls, *_run_alone(chosen(options, native))) if m.key not in native]:
            for mutant in missing:  # others take the place of those that raise
                native[mutant.key] = run_natively(mutant)
                _keep(options.results, native[mutant.key])
                print(mutant.key, native[mutant.key].score, native[mutant.key].raised, flush=True)
    else:
        runs = [m for m in mutants if m.key not in checked and not (m.key in native and native[m.key].raised)]
        with ThreadPoolExecutor(options.jobs) as pool:
            for result in pool.map(lambda m: examine(m, options.budget, options.before), runs):
                checked[result.key] = result
                _keep(options.results, result)
                _show(result)
    text = page(checked, native)
    if options.markdown:
        options.markdown.write_text(text)
    else:
        print(text)
    return 0


def _run_alone(mutants: list[Mutant]) -> list[Mutant]:
    """Return the mutants, and of pairs each fault by itself."""
    return list(dict.fromkeys([*mutants, *(each for m in mutants for each in m.singles())]))


def _keep(path: Path, result: Checked | Native) -> None:
    with path.open("a") as stream:
        stream.write(json.dumps(asdict(result)) + "\n")


def _show(result: Checked) -> None:
    operators = tuple(result.key.rpartition("@")[0].split("+"))
    named = all(result.named(name) for name in operators)
    mark = ("FIRST" if result.first(operators) else "named") if named else "MISS "
    said = " ".join(f"{s[0]}:{check}{'<' + by if by else ''}" for s, check, by in result.found)
    wrong = ", ".join(result.false_errors(operators))
    print(f"{mark} {result.seconds:5.1f}s {result.key} [{f'false: {wrong}' if wrong else ''}] {said}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
