"""Mutants: healthy programs with one fault or two, run natively or under nndoctor, in a copy of their folder."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import random
import re
import resource
import runpy
import shlex
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from faults import OPERATORS
from verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent

SCORES = {
    "digits": r"accuracy ([\d.]+)",
    "cancer": r"accuracy ([\d.]+)",
    "finetune": r"val ([\d.]+)",
    "forecaster": r"val mse ([\d.einfa+-]+)",
    "gpt": r"val ([\d.einfa+-]+)",
    "tabular": r"val mse ([\d.einfa+-]+)",
    "vae": r"test ([\d.einfa+-]+)",
    "mlp_loader": r"val acc ([\d.]+)",
    "cnn_loader": r"val accuracy ([\d.]+)",
    "manual_slicing": r"val accuracy ([\d.]+)",
    "accumulation": r"test ([\d.]+)",
    "detection": r"val ([\d.]+)",
    "warmup_from_zero": r"accuracy ([\d.]+)",
    "hinge_text": r"val accuracy ([\d.]+)",
    "gaussian_nll": r"val ([\d.-]+)",
    "matrix_factorisation": r"val rmse ([\d.]+)",
    "ctc": r"val ([\d.]+)",
    "mixup_soft": r"accuracy ([\d.]+)",
    "ecg_autoencoder": r"val mse ([\d.einfa+-]+)",
    "review_transformer": r"val acc ([\d.]+)",
    "used_cars": r"val_rmse=([\d.einfa+-]+)",
    "keypoints_resnet": r"off by \(pixels\): ([\d.einfa+-]+)",
    "ordinal_wine": r"grades off by ([\d.]+)",
    "deepsets_shapes": r"val_acc = ([\d.]+)",
    "entity_tagger": r"accuracy on names ([\d.]+)",
    "rare_failures": r"average precision ([\d.naif]+)",
    "tied_lm": r"val loss ([\d.einfa+-]+)",
    "activity_gru": r"val_accuracy: ([\d.]+)",
    "traffic_signs": r"val acc ([\d.]+)",
    "loan_default": r"valid AUC ([\d.naif]+)",
    "ambulance_calls": r"val deviance ([\d.einfa+-]+)",
    "recipe_lstm": r"val loss ([\d.einfa+-]+)",
    "star_spectra": r"Test accuracy: ([\d.]+)",
    "vit_digits": r"val_acc=([\d.]+)",
    "delivery_quantiles": r"val_pinball=([\d.einfa+-]+)",
    "soft_sensor": r"validation MSE ([\d.einfa+-]+)",
    "phishing_urls": r"val acc = ([\d.]+)",
    "bearing_vibration": r"val_acc=([\d.]+)",
    "date_normaliser": r"exact match on validation: ([\d.]+)",
    "cafe_orders": r"D2\(val\) = ([\d.einfa+-]+)",
    "ring_molecules": r"val MAE: ([\d.einfa+-]+)",
    "hotel_ranking": r"valid ndcg@5 ([\d.naif]+)",
    "land_cover": r"mIoU=([\d.naif]+)",
    "membership_hazard": r"C-index ([\d.naif]+)",
    "district_heating": r"validation MAE: ([\d.einfa+-]+)",
    "digit_inpainting": r"valid_hole_rmse ([\d.einfa+-]+)",
    "whale_calls": r"average_precision=([\d.naif]+)",
}
"""The healthy programs, with what each prints of its validation; the last number printed counts."""

LATER = frozenset(
    {"detection", "warmup_from_zero", "hinge_text", "gaussian_nll", "matrix_factorisation", "ctc", "mixup_soft"}
)
"""Programs that were written after the checks. Their misses have been looked at since, and mended where possible."""

FRESH = frozenset(
    {
        "ecg_autoencoder",
        "review_transformer",
        "used_cars",
        "keypoints_resnet",
        "ordinal_wine",
        "deepsets_shapes",
        "entity_tagger",
        "rare_failures",
        "tied_lm",
        "activity_gru",
        "traffic_signs",
        "loan_default",
        "ambulance_calls",
        "recipe_lstm",
        "star_spectra",
        "vit_digits",
        "delivery_quantiles",
        "soft_sensor",
        "phishing_urls",
    }
)
"""Programs that were written after what LATER's misses had taught. Their misses, too, have been looked at since."""

UNSEEN = frozenset(
    {
        "bearing_vibration",
        "date_normaliser",
        "cafe_orders",
        "ring_molecules",
        "hotel_ranking",
        "land_cover",
        "membership_hazard",
        "district_heating",
        "digit_inpainting",
        "whale_calls",
    }
)
"""Programs that were written without knowledge of any check, after what FRESH's misses had taught.

No check was made or changed for a fault in them before it was measured.
"""

SEEN = tuple(base for base in SCORES if base not in FRESH | UNSEEN)
"""What faults are put into unless other programs are asked for."""

HIGHER_IS_BETTER = frozenset(
    {"finetune", "accumulation", "rare_failures", "loan_default"}
    | {"date_normaliser", "cafe_orders", "hotel_ranking", "land_cover", "membership_hazard", "whale_calls"}
)
"""Programs that print a share that is 1 at best, besides those whose pattern names an accuracy."""

HIDE_OTHERS = frozenset(
    {
        "drop-step",
        "drop-backward",
        "loss-detached",
        "loss-from-item",
        "loss-divided-by-zero",
        "nan-in-data",
        "zero-grad-before-step",
        "step-before-backward",
        "inputs-constant",
        "input-not-used",
        "zero-initialisation",
        "rate-times-1e4",
        "optimizer-of-a-copy",
        "constant-target",
        "labels-permuted",
        "own-prediction-as-target",
        "loss-sign",
    }
)
"""Nothing is learned with these, so that a second fault may make no difference: not used in pairs."""


ONE_FAULT = ({"batch-of-all", "same-batch-every-step"},)
"""Pairs of which one leaves the other nothing to change."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A healthy program and the faults put into it."""

    base: str
    operators: tuple[str, ...]

    @property
    def key(self) -> str:
        """What it is called in results."""
        return "+".join(self.operators) + "@" + self.base

    def singles(self) -> list[Mutant]:
        """Return the same program with each of the faults alone."""
        return [Mutant(self.base, (name,)) for name in self.operators]

    def files(self) -> dict[str, str] | None:
        """Return its files; None where a fault does not apply."""
        return _changed(self.base, self.operators)


@dataclass(frozen=True, slots=True)
class Checked:
    """What nndoctor said of a mutant."""

    key: str
    seconds: float
    exit_code: int
    found: list[list[str]] = field(default_factory=list)
    """Severity, check, and the check that explains it (or nothing), the first entry of the diagnosis first."""
    trials: dict[str, str] = field(default_factory=dict)
    """By check, for errors and warnings with a treatment: what its trial showed (see `verdicts`)."""

    def serious(self) -> list[str]:
        """Return the checks with an error or a warning, in the order of the diagnosis."""
        return list(dict.fromkeys(check for severity, check, _ in self.found if severity != "note"))

    def named(self, operator: str) -> bool:
        """Whether a fault is named among errors and warnings (among notes, by checks that give nothing else)."""
        accepts = OPERATORS[operator].accepts
        return any(check in accepts for severity, check, _ in self.found if severity != "note" or check in NOTES)

    def first(self, operators: tuple[str, ...]) -> bool:
        """Whether the first entry names a fault."""
        accepted = frozenset().union(*(OPERATORS[name].accepts for name in operators))
        return bool(self.found) and self.found[0][1] in accepted

    def false_errors(self, operators: tuple[str, ...]) -> list[str]:
        """Return the errors that are neither accepted nor told to be a symptom of something accepted."""
        accepted = frozenset().union(*(OPERATORS[name].accepts for name in operators))
        wrong = [c for s, c, by in self.found if s == "error" and c not in accepted and by not in accepted]
        return list(dict.fromkeys(wrong))


NOTES = frozenset({"accumulation-scale"})
"""Checks that never give more than a note: there the note is the answer."""


@dataclass(frozen=True, slots=True)
class Native:
    """How a mutant does without nndoctor: its last validation score, or that it raised."""

    key: str
    raised: str
    score: float | None


def read(base: str) -> dict[str, str]:
    """Return the files of a healthy program; the script comes first."""
    folder = ROOT / "sample_projects" / base
    if folder.is_dir():
        return {file.name: file.read_text() for file in sorted(folder.glob("*.py"), key=lambda f: f.name != "train.py")}
    script = ROOT / "tests" / "programs" / f"{base}.py"
    return {script.name: script.read_text()}


@cache
def _changed(base: str, operators: tuple[str, ...]) -> dict[str, str] | None:
    if not operators:
        return read(base)
    files = _changed(base, operators[:-1])
    return OPERATORS[operators[-1]].apply(files) if files else None


def choose(
    only: str, samples: int, programs: Sequence[str] = SEEN, raising: Collection[str] = frozenset()
) -> list[Mutant]:
    """Return the mutants: each operator in `samples` of the programs that it applies to, not the same for all.

    Of mutants that are known to raise (`raising`, by key) the next program takes the place.
    """
    fitting = {name: [base for base in programs if Mutant(base, (name,)).files()] for name in OPERATORS if only in name}
    chosen = []
    for turn in range(samples):
        for i, (name, bases) in enumerate(fitting.items()):
            if turn < len(bases):
                step = max(1, len(bases) // samples)
                first = i + turn * step
                candidates = [Mutant(bases[(first + k) % len(bases)], (name,)) for k in range(len(bases))]
                mutant = next((m for m in candidates if m.key not in raising), candidates[0])
                if mutant not in chosen:
                    chosen.append(mutant)
    return chosen


def choose_pairs(count: int, native: Mapping[str, Native], seed: int = 0) -> list[Mutant]:
    """Return programs with two faults of different themes that no one check accounts for and that hide no other.

    As far as is known from running them natively (`native`, by key), the program does not raise, and each of the two
    does harm by itself in it: else there are no two faults.
    """
    bases = list(SCORES)[:7]
    names = [name for name in OPERATORS if name not in HIDE_OTHERS]
    pairs = [p for p in combinations(names, 2) if OPERATORS[p[0]].theme != OPERATORS[p[1]].theme]
    draw = random.Random(seed)  # noqa: S311 - a repeatable choice
    draw.shuffle(pairs)
    chosen: list[Mutant] = []
    for number, pair in enumerate(pairs):
        if len(chosen) == count:
            break
        base = bases[number % len(bases)]  # by its own number: what is left out shifts no other pair to another program
        used = [name for mutant in chosen for name in mutant.operators]
        if OPERATORS[pair[0]].accepts & OPERATORS[pair[1]].accepts or set(pair) & set(used) or set(pair) in ONE_FAULT:
            continue
        mutant = Mutant(base, pair)
        if mutant.files() and Mutant(base, pair[::-1]).files() and _two_faults(mutant, native):
            chosen.append(mutant)
    return chosen


def _two_faults(mutant: Mutant, native: Mapping[str, Native]) -> bool:
    if mutant.key in native and native[mutant.key].raised:
        return False
    control = native.get(Mutant(mutant.base, ()).key)
    alone = [native.get(each.key) for each in mutant.singles()]
    return control is None or not any(each is not None and harmless(each, control) for each in alone)


@contextlib.contextmanager
def written(mutant: Mutant) -> Iterator[Path]:
    """Write a mutant to a folder of its own; yields the script."""
    files = mutant.files()
    assert files is not None
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        yield Path(folder) / next(iter(files))


def examine(mutant: Mutant, budget: float, before: str = "") -> Checked:
    """Run `nndoctor check` on a mutant."""
    with written(mutant) as script, tempfile.TemporaryDirectory() as out:
        command = [*shlex.split(before), sys.executable, "-m", "nndoctor", "check", "-q", "--budget", str(budget)]
        paths = [str(ROOT), str(ROOT / "checks"), os.environ.get("PYTHONPATH", "")]
        began = time.monotonic()
        done = subprocess.run(
            [*command, "--out", str(Path(out) / "run"), script.name],
            cwd=script.parent,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            capture_output=True,
            timeout=600,
            check=False,
        )
        found = []
        for file in Path(out).rglob("findings.json"):
            diagnosis = json.loads(file.read_text())["diagnosis"]
            found = [[entry["severity"], entry["check"], entry["explained_by"] or ""] for entry in diagnosis]
        trials = {check: outcome for check, (outcome, _) in verdicts(Path(out) / "run").items()}
        return Checked(mutant.key, round(time.monotonic() - began, 1), done.returncode, found, trials)


def run_natively(mutant: Mutant, limit: int = 90) -> Native:
    """Run a mutant without nndoctor, in a fork that need not import torch again.

    The limit is in seconds of the processor, so that a busy machine does not end what would have come to its end.
    """
    with written(mutant) as script:
        log = script.with_suffix(".log")
        process = multiprocessing.get_context("fork").Process(target=_script, args=(script, log, limit))
        process.start()
        process.join(10 * limit)
        if process.is_alive():
            process.kill()
            process.join()
        text = log.read_text() if log.exists() else ""
        numbers = re.findall(SCORES[mutant.base], text)
        raised = text.rstrip().rpartition("\n")[2] if process.exitcode == 1 else ""
        return Native(mutant.key, raised[:200], _number(numbers[-1]) if numbers else None)


def _script(script: Path, log: Path, limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    os.chdir(script.parent)
    sys.path.insert(0, str(script.parent))
    sys.argv = [script.name]
    with log.open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        sys.stdout = sys.stderr = stream
        try:
            runpy.run_path(script.name, run_name="__main__")
        except Exception:  # noqa: BLE001 - a mutant may raise anything, and what it raised is the last line
            traceback.print_exc(file=stream)
            stream.flush()
            os._exit(1)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def harmless(mutant: Native, control: Native) -> bool:
    """Whether a mutant learns as well as the unchanged program: its error is at most a tenth, or 0.01, above."""
    if mutant.score is None or control.score is None or not math.isfinite(mutant.score):
        return False
    is_accuracy = "acc" in SCORES[_base(control)] or _base(control) in HIGHER_IS_BETTER
    error, healthy = (1 - mutant.score, 1 - control.score) if is_accuracy else (mutant.score, control.score)
    return error <= max(1.1 * healthy, healthy + 0.01)


def _base(native: Native) -> str:
    return native.key.rpartition("@")[2]
