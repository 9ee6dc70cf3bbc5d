"""Rows of a log: CSV and JSON, of the loggers that are in use."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

from nndoctor.curves.readers.columns import Points, listed, words
from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

Row = dict[str, Any]
STEPS = ("step", "global_step", "_step", "trainer/global_step", "iteration", "iter", "num_steps", "steps")
EPOCHS = ("epoch", "epochs")
STATISTICS = ("__MIN", "__MAX", "_step", "_epoch", "__STDERR")


def read_table(path: Path, x: str) -> dict[str, dict[str, Points]]:
    """Return the columns of each run in a file, by the run's name within it (empty where there is one run).

    Raises `UsageError` for what is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"{path} cannot be read: {reason}") from None
    rows = _json_rows(path, text) if path.suffix in (".json", ".jsonl", ".ndjson") else _csv_rows(path, text)
    if not rows:
        raise UsageError(f"{path} holds no rows")
    runs = _by_run(rows)
    return {name: _columns(own, x, path) for name, own in runs.items()}


def _csv_rows(path: Path, text: str) -> list[Row]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
        rows = [{k.strip(): v for k, v in row.items() if isinstance(k, str)} for row in reader]
    except csv.Error as error:
        raise UsageError(f"{path} cannot be read as CSV: {error}") from None
    if not rows or len(rows[0]) < 2:
        raise UsageError(f"{path} is no table of curves: a first line with the names of the columns is expected")
    return rows


def _json_rows(path: Path, text: str) -> list[Row]:
    try:
        if path.suffix == ".json":
            return _of_document(json.loads(text), path)
        rows = []
        lines = [line for line in text.splitlines() if line.strip()]
        for number, line in enumerate(lines, 1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                if number == len(lines) and rows:
                    break  # the run was killed while it wrote
                raise
    except ValueError as error:
        raise UsageError(f"{path} cannot be read as JSON: {error}") from None
    return [_flat(row) for row in rows if isinstance(row, dict)]


def _of_document(document: Any, path: Path) -> list[Row]:
    if isinstance(document, dict) and isinstance(document.get("log_history"), list):  # Hugging Face's Trainer
        # Its last entry repeats the mean over the run as `train_loss`: no curve.
        return [{k: v for k, v in _flat(r).items() if k != "train_loss"} for r in document["log_history"]]
    if isinstance(document, list):
        return [_flat(row) for row in document if isinstance(row, dict)]
    if isinstance(document, dict):
        lists = {name: values for name, values in document.items() if isinstance(values, list)}
        length = max(map(len, lists.values()), default=0)  # Keras' history.history
        return [{n: v[i] for n, v in lists.items() if i < len(v)} for i in range(length)]
    raise UsageError(f"{path} holds neither rows nor lists of values")


def _flat(row: Row, prefix: str = "") -> Row:
    flat: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}/")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _by_run(rows: list[Row]) -> dict[str, list[Row]]:
    """Split an export of W&B, whose columns are `run - train/loss`, into its runs."""
    names = [name for row in rows[:1] for name in row]
    runs = dict.fromkeys(name.rpartition(" - ")[0] for name in names if " - " in name)
    if not runs:
        return {"": rows}
    split: dict[str, list[Row]] = {}
    for run in runs:
        head = f"{run} - "
        split[run] = [
            {k.removeprefix(head): v for k, v in row.items() if k.startswith(head) and not k.endswith(STATISTICS)}
            | {k: v for k, v in row.items() if " - " not in k}
            for row in rows
        ]
    return split


def _columns(rows: list[Row], x: str, path: Path) -> dict[str, Points]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    key = _x_name(rows, names, x, path)
    columns: dict[str, Points] = {}
    for number, row in enumerate(rows):
        place = _number(row.get(key)) if key else float(number)
        for name, text in row.items():
            value = _number(text)
            if name != key and value is not None and place is not None:
                columns.setdefault(name, []).append((place, value))
    return columns


def _x_name(rows: list[Row], names: list[str], x: str, path: Path) -> str:
    if x:
        if x not in names:
            raise UsageError(f"--x {x}: no such column in {path}; there are: {listed(names)}")
        return x
    lower = {name.lower(): name for name in reversed(names)}
    epochs = next((lower[name] for name in EPOCHS if name in lower), "")
    steps = next((lower[name] for name in STEPS if name in lower), "")
    if epochs and steps:
        # Several rows with a training loss in an epoch: only the steps tell them apart.
        losses = [name for name in names if "loss" in words(name)]
        counts = [sum(_number(row.get(name)) is not None for row in rows) for name in losses]
        places = len({row.get(epochs) for row in rows})
        return steps if max(counts, default=0) > 1.5 * places else epochs
    return epochs or steps


def _number(value: Any) -> float | None:
    """Return a number; None for an empty cell and for text. NaN that was written is a value."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) or value != "" else None
