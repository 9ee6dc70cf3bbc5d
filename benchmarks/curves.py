"""How often are histories given their class? A synthetic set with known classes, and two sets of real trainings.

Run `python benchmarks/curves.py [--split dev|test] [--misses]`. Thresholds were chosen on the split `dev` alone; the
numbers to report are those of `test` (other seeds). Exits with 1 below 92 % on any set.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

from synthetic_curves import LABELS, generate

from nndoctor.curves import History, Label, Series
from nndoctor.curves.classify import classify

REAL = Path(__file__).resolve().parent / "curves"
HELD_OUT = REAL.with_name("curves_held_out")
SEEDS = {"dev": range(1000, 1030), "test": range(40)}
NEEDED = 0.92


def real_histories(folder: Path = REAL) -> list[tuple[str, Label, History]]:
    """Return name, class and history of the real trainings that `make_curves.py` has kept."""
    with (folder / "labels.csv").open(newline="") as file:
        return [(r["file"], Label(r["label"]), history_of(folder / r["file"])) for r in csv.DictReader(file)]


def history_of(path: Path) -> History:
    """Read one of our own CSV files: epoch, train_loss, val_loss and mostly a metric of the training data."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))

    def series(name: str) -> Series:
        return Series([float(r["epoch"]) for r in rows], [float(r[name]) for r in rows], name)

    metric = next((name for name in ("train_acc", "train_r2") if name in rows[0]), None)
    return History(series("train_loss"), series("val_loss"), series(metric) if metric else None)


def show(title: str, cases: list[tuple[str, Label, History]], *, misses: bool) -> float:
    """Print accuracy and confusion matrix of one set; return the accuracy."""
    said = [(name, label, classify(history)) for name, label, history in cases]
    counts = Counter((label, verdict.label) for _, label, verdict in said)
    accuracy = sum(label is verdict.label for _, label, verdict in said) / len(said)
    names = [*LABELS, Label.CANNOT_TELL]
    print(f"{title}: {accuracy:.1%} of {len(said)}")
    print(" " * 24 + " ".join(f"{name[:9]:>9}" for name in names))
    for label in LABELS:
        row = [counts[label, other] for other in names]
        if sum(row):
            print(f"{label:24}" + " ".join(f"{count or '.':>9}" for count in row))
    for name, label, verdict in said:
        if misses and label is not verdict.label:
            shown = {n: round(v, 3) for n, v in verdict.numbers.items()}
            print(f"  {name}: {label} read as {verdict.label} ({verdict.why}) {shown}")
    print()
    return accuracy


def main() -> int:
    """Print both sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=SEEDS, default="test")
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    seeds = SEEDS[options.split]
    synthetic = [(f"{label} {seed}", label, generate(label, seed)) for label in LABELS for seed in seeds]
    reached = [show(f"synthetic, {options.split} split", synthetic, misses=options.misses)]
    for title, folder in (("real trainings", REAL), ("real trainings, held out", HELD_OUT)):
        if (folder / "labels.csv").exists():
            reached.append(show(title, real_histories(folder), misses=options.misses))
    return int(min(reached) < NEEDED)


if __name__ == "__main__":
    sys.exit(main())
