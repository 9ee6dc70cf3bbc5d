"""From a path on the command line to the runs that lie there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.curves.readers.columns import TRAIN_WORDS, VALIDATION_WORDS
from nndoctor.curves.readers.tables import read_table
from nndoctor.curves.readers.tensorboard import has_events, read_events
from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nndoctor.curves.readers.columns import Points

TABLES = {".csv", ".tsv", ".jsonl", ".ndjson", ".json"}


@dataclass(frozen=True, slots=True)
class Log:
    """The columns of one run, or why they cannot be read."""

    name: str
    columns: dict[str, Points]
    problem: str = ""


def logs_of(path: Path, x: str = "") -> list[Log]:
    """Return all runs in a file or below a folder. Raises `UsageError` where there is nothing to read."""
    if path.is_dir():
        found = [*_events_below(path)]
        for file in sorted(p for p in path.rglob("*") if p.suffix in TABLES and p.is_file()):
            if file.suffix != ".json" or file.name == "trainer_state.json":  # other JSON is configuration
                found += _tables(file, x)
        if not found:
            raise UsageError(f"{path} holds no logs: TensorBoard events, *.csv, *.jsonl or trainer_state.json")
        return found
    if not path.exists():
        raise UsageError(f"no such file or folder: {path}")
    if "tfevents" in path.name:
        return [*_events_below(path.parent)]
    return _tables(path, x)


def _tables(path: Path, x: str) -> list[Log]:
    try:
        tables = read_table(path, x)
    except UsageError as error:
        return [Log(str(path), {}, str(error))]
    return [Log(f"{path}:{run}" if run else str(path), columns) for run, columns in tables.items()]


def _events_below(folder: Path) -> Iterator[Log]:
    """Yield one log for each folder with events; Keras' `train` and `validation` folders are one run."""
    folders = [folder, *sorted(p for p in folder.rglob("*") if p.is_dir())]
    merged: dict[Path, dict[str, Points]] = {}
    for each in folders:
        if not has_events(each):
            continue
        try:
            columns = read_events(each)
        except UsageError as error:
            yield Log(str(each), {}, str(error))
            continue
        split = each.name.lower() in TRAIN_WORDS | VALIDATION_WORDS and each != folder
        run = each.parent if split else each
        prefix = f"{each.name}/" if split else ""
        merged.setdefault(run, {}).update({f"{prefix}{name}": points for name, points in columns.items()})
    for run, columns in merged.items():
        yield Log(str(run), columns)
