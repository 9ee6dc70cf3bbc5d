"""Which column is which: found by name, or asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.curves.model import History, Series
from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Points = list[tuple[float, float]]
"""(x, y) of one column, in the order of the log."""

VALIDATION_WORDS = {"val", "valid", "validation", "eval", "dev", "test", "holdout"}
TRAIN_WORDS = {"train", "training", "tr"}
LOSS_WORDS = {"loss", "nll", "mse", "mae", "perplexity", "ppl"}
ACCURACY_WORDS = {"acc", "accuracy"}
FILLERS = {"epoch", "avg", "average", "mean", "total", "scalars", "metrics"}
"""Words in a name that do not make another quantity of it."""
NAMES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns that the user named; empty: found by name."""

    train: str = ""
    validation: str = ""
    metric: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A history and the names of its columns."""

    history: History
    train: str
    validation: str
    metric: str


def words(name: str) -> list[str]:
    """Return the words of a column's name: `valLoss`, `val/loss` and `val_loss` are val, loss."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.findall(r"[a-z]+\d*", spaced.lower())


def history_of(columns: dict[str, Points], wanted: Wanted) -> Found:
    """Choose the columns of one run. Raises `UsageError`, with the names there are, where that is not clear."""
    named = {"train": wanted.train, "val": wanted.validation, "metric": wanted.metric}
    given = {role: _named(columns, name, f"--{role}") for role, name in named.items() if name}
    train = given.get("train") or _loss(columns, validation=False)
    validation = given.get("val") or _loss(columns, validation=True)
    if not train and not validation:
        raise UsageError(
            f"no column is named as a loss; name them with --train and --val; there are: {listed(columns)}"
        )
    metric = given.get("metric") or _metric(columns)

    def series(name: str) -> Series | None:
        points = columns.get(name)
        return Series([x for x, _ in points], [y for _, y in points], name) if points else None

    better = "train" in given and bool(ACCURACY_WORDS & {*words(train)} or words(train)[-1:] == ["r2"])
    return Found(History(series(train), series(validation), series(metric), better), train, validation, metric)


def listed(columns: Sequence[str] | dict[str, Points]) -> str:
    """Return the names for a sentence."""
    names = list(columns)
    return ", ".join(names[:NAMES_SHOWN]) + (
        f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    )


def _named(columns: dict[str, Points], name: str, option: str) -> str:
    fitting = [c for c in columns if c == name] or [c for c in columns if c.lower() == name.lower()]
    if len(fitting) != 1:
        raise UsageError(f"{option} {name}: no such column; there are: {listed(columns)}")
    return fitting[0]


def _loss(columns: dict[str, Points], *, validation: bool) -> str:
    """Return the name of a loss, empty if there is none. Of `loss` and `box_loss` the plain one is meant."""
    ranked: dict[tuple[int, int], list[str]] = {}
    for name in columns:
        parts = words(name)
        kinds = LOSS_WORDS & {*parts}
        if not kinds or bool(VALIDATION_WORDS & {*parts}) is not validation:
            continue
        others = {*parts} - kinds - VALIDATION_WORDS - TRAIN_WORDS - FILLERS
        # Lightning writes `train_loss_step` and `train_loss_epoch`; the latter goes with the validation loss.
        ranked.setdefault((len(others), "loss" not in parts), []).append(name)
    if not ranked:
        return ""
    best = ranked[min(ranked)]
    if len(best) > 1 and not validation:
        best = [n for n in best if TRAIN_WORDS & {*words(n)}] or best
    if len(best) > 1 and validation:  # a test loss beside a validation loss is not what was steered by
        best = [n for n in best if "test" not in words(n)] or best
    if len(best) > 1:
        best = [n for n in best if "epoch" in words(n) and len(columns[n]) > 1] or best
    if len(best) > 1:
        option = "--val" if validation else "--train"
        raise UsageError(f"several columns may be the loss: {listed(best)}; choose one with {option} NAME")
    return best[0]


def _metric(columns: dict[str, Points]) -> str:
    """Return the name of an accuracy or R2 of the training data, empty where it is not clear."""
    found = []
    for name in columns:
        parts = {*words(name)}
        if (ACCURACY_WORDS | {"r2"}) & parts and not VALIDATION_WORDS & parts and "balanced" not in parts:
            others = parts - ACCURACY_WORDS - TRAIN_WORDS - FILLERS - {"r2"}
            found += [name] if not others else []
    return found[0] if len(found) == 1 else ""
