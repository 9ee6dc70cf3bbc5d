"""Which facts differ: arguments, surroundings, hyper-parameters, model, data."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from nndoctor.records import OBSERVE, TRAIN, Batch, Loader, Module, Optimizer, Overlap, Parameter, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nndoctor.recording import Recording

ABSENT = "-"
SURROUNDINGS = ("python", "torch", "numpy", "platform", "threads", "cuda", "device", "seed")
OF_OURS = ("command", "steps", "budget", "skip")
"""What nndoctor was asked to do."""
RATES = ("lr", "momentum", "weight_decay", "eps", "beta1", "beta2", "groups", "parameters")
OF_A_LOADER = ("dataset_type", "size", "batch_size", "order", "workers", "drop_last", "weights")
OF_A_SCAN = ("total", "duplicates", "conflicts", "labels", "counts")
SHIFT = 0.25
"""Standard deviations by which the mean of an input must differ: batches that are drawn anew differ by less."""
SCALE = 1.5
"""Times by which its spread must differ."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that differs. An absent one is shown as `-`."""

    what: str
    before: str
    after: str
    by_chance: bool = False
    """It may differ with each draw of the data."""

    @property
    def told(self) -> str:
        """The difference in one sentence."""
        return f"{self.what}: {self.before} is now {self.after}"


def arguments(before: Recording, after: Recording) -> Iterator[Difference]:
    """Yield each argument of the script that differs."""
    old, new = (_options(run.environment("arguments")) for run in (before, after))
    yield from _all_of(old, new)


def environment(before: Recording, after: Recording) -> Iterator[Difference]:
    """Yield versions, machine and seed."""
    for name in SURROUNDINGS:
        yield from _different(name, before.environment(name), after.environment(name))


def instruments(before: Recording, after: Recording) -> Iterator[Difference]:
    """Yield what nndoctor was asked to do."""
    for name in OF_OURS:
        yield from _different(f"nndoctor's {name}", before.environment(name), after.environment(name))


def hyper_parameters(before: Recording, after: Recording) -> Iterator[Difference]:
    """Yield the options of the optimizers, one by one."""
    yield from _all_of(_optimizers(before), _optimizers(after))


def model(before: Recording, after: Recording) -> Iterator[Difference]:
    """Yield layers that came, went or have another type, and the number of parameters."""
    old, new = ({p.name: p for p in run.rows(Parameter) if p.registered} for run in (before, after))
    sizes = [sum(p.numel for p in found.values()) for found in (old, new)]
    yield from _different("parameters", f"{sizes[0]:,}", f"{sizes[1]:,}")
    types = [Counter(m.type for m in run.rows(Module) if not m.children) for run in (before, after)]
    for kind in sorted(types[0] | types[1]):
        yield from _different(f"{kind} layers", str(types[0][kind]), str(types[1][kind]))
    frozen = [sum(not p.requires_grad for p in found.values()) for found in (old, new)]
    yield from _different("frozen parameters", str(frozen[0]), str(frozen[1]))


def data(before: Recording, after: Recording) -> Iterator[Difference]:
    """Yield what differs of loaders, batches and data sets."""
    for split in (TRAIN, "validation"):
        loaders = [next((row for row in run.rows(Loader) if row.split == split), None) for run in (before, after)]
        old, new = (
            {f"{split} {name}": _text(getattr(row, name)) for name in OF_A_LOADER} if row else {} for row in loaders
        )
        yield from _all_of(old, new)
    yield from _batches(before, after)
    scans = [next(iter(run.rows(Scan)), None) for run in (before, after)]
    if scans[0] is not None and scans[1] is not None:
        for name in OF_A_SCAN:
            yield from _different(f"data set: {name}", _text(getattr(scans[0], name)), _text(getattr(scans[1], name)))
    yield from _all_of(_shared(before), _shared(after))


def _shared(run: Recording) -> dict[str, str]:
    return {f"samples in {row.train} and in {row.validation}": str(row.shared) for row in run.rows(Overlap)}


def _batches(before: Recording, after: Recording) -> Iterator[Difference]:
    old, new = _leaves(before), _leaves(after)
    for key in dict.fromkeys([*old, *new]):
        first, second = old.get(key), new.get(key)
        what = f"batch, {key}"
        if first is None or second is None:
            yield Difference(what, ABSENT if first is None else "there", ABSENT if second is None else "there")
            continue
        yield from _different(f"{what}: shape", _text(first[0].shape), _text(second[0].shape))
        yield from _different(f"{what}: type", first[0].dtype, second[0].dtype)
        means = [fmean(row.mean for row in rows) for rows in (first, second)]
        stds = [fmean(row.std for row in rows) for rows in (first, second)]
        spread = max(stds)
        if spread > 0 and abs(means[0] - means[1]) > SHIFT * spread:
            yield Difference(f"{what}: mean", _text(means[0]), _text(means[1]), by_chance=True)
        if min(stds) >= 0 and spread > SCALE * min(stds):
            yield Difference(f"{what}: standard deviation", _text(stds[0]), _text(stds[1]), by_chance=True)


def _leaves(run: Recording) -> Mapping[str, list[Batch]]:
    found: dict[str, list[Batch]] = {}
    for row in run.rows(Batch):
        if (
            row.own
            and row.split == TRAIN
            and row.experiment == OBSERVE
            and row.segment == 0
            and math.isfinite(row.mean)
        ):
            found.setdefault(row.role or f"leaf {row.leaf}", []).append(row)
    return found


def _optimizers(run: Recording) -> dict[str, str]:
    """Return the options by name; with that of the optimizer where there are several."""
    found: dict[str, str] = {}
    rows = run.rows(Optimizer)
    for index, row in enumerate(rows):
        prefix = f"optimizer {index + 1}: " if len(rows) > 1 else ""
        found[f"{prefix}optimizer"] = row.type
        for name in RATES:
            value = getattr(row, name)
            if not (isinstance(value, float) and math.isnan(value)):
                found[f"{prefix}{name if name != 'parameters' else 'tensors it holds'}"] = _text(value)
    return found


def _options(arguments: str) -> dict[str, str]:
    """Return arguments by option: `--lr 0.1 data.csv` gives --lr and the position of data.csv."""
    try:
        words = shlex.split(arguments)
    except ValueError:
        words = arguments.split()
    found: dict[str, str] = {}
    option, position = "", 0
    for word in words:
        if word.startswith("-") and not _is_number(word):
            option, _, value = word.partition("=")
            found[option] = value or "given"
            option = "" if value else option
        elif option:
            found[option] = word
            option = ""
        else:
            position += 1
            found[f"argument {position}"] = word
    return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _all_of(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys([*old, *new]):
        yield from _different(name, old.get(name, ABSENT), new.get(name, ABSENT))


def _different(what: str, before: str, after: str) -> Iterator[Difference]:
    if before != after:
        yield Difference(what, before or ABSENT, after or ABSENT)


def _text(value: Any) -> str:
    match value:
        case float():
            return f"{value:.4g}"
        case tuple():
            shown = ", ".join(_text(each) for each in value[:8])
            return f"({shown}{', ...' if len(value) > 8 else ''})"
        case _:
            return str(value)
