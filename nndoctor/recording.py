"""The recording of one run: SQLite on disk, or rows in memory for tests.

One table per kind of record, its columns read from the dataclass; statistics of tensors may also stand in `blocks`. No
other file knows the schema and its version.
Rows are appended in order; kinds that declare a `KEY` replace the earlier row of the same key. A process that is killed
leaves a readable file with all rows up to its last flush.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections import defaultdict
from contextlib import closing, suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from nndoctor.blocks import Blocks, insert, stats_of
from nndoctor.errors import RecordingError
from nndoctor.records import KINDS, Environment, Record, TensorStats

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd

    from nndoctor.blocks import Head, Place

SCHEMA_VERSION = 2
"""Of 1, nothing was in blocks."""
FILE_NAME = "recording.sqlite"
FLUSH_SECONDS = 0.5
BUCKETS = 100
"""Parts of a run in each of which thinning keeps the extremes, unless it is asked for others."""

R = TypeVar("R", bound=Record)


class Recording:
    """All records of one run, asked for by class: `run.rows(Step)`."""

    def __init__(self, rows: dict[type[Record], list[Record]]) -> None:
        self._rows = rows

    @classmethod
    def of(cls, records: Iterable[Record]) -> Recording:
        """Return a recording made by hand, for tests. Keys replace as they do on disk."""
        rows: defaultdict[type[Record], list[Record]] = defaultdict(list)
        positions: dict[tuple[Any, ...], int] = {}
        for record in records:
            kind = type(record)
            if kind.KEY:
                key = (kind, *(getattr(record, name) for name in kind.KEY))
                if key in positions:
                    rows[kind][positions[key]] = record
                    continue
                positions[key] = len(rows[kind])
            rows[kind].append(record)
        return cls(dict(rows))

    @classmethod
    def open(cls, path: Path) -> Recording:
        """Read a recording, also one of an earlier version or one cut off by a kill.

        Raises `RecordingError` if there is none, it is no recording, or a later version wrote it.
        """
        if not path.is_file():
            raise RecordingError(f"no recording: {path} (a folder under nndoctor-runs/ is expected)")
        try:
            # Closed at once: a reader that stays open keeps the writer from folding its journal.
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                version = database.execute("PRAGMA user_version").fetchone()[0]
                if version > SCHEMA_VERSION:
                    raise RecordingError(f"{path} was written by a later nndoctor (schema {version})")
                rows = {kind: _read(database, kind) for kind in KINDS}
                if blocks := list(stats_of(database)):  # the rows beside them are what was left of other steps
                    rows[TensorStats] = sorted([*rows[TensorStats], *blocks], key=lambda row: (row.segment, row.step))
        except sqlite3.DatabaseError as error:
            raise RecordingError(f"{path} cannot be read as a recording: {error}") from None
        return cls(rows)

    def rows(self, kind: type[R]) -> list[R]:
        """Return all rows of one kind, in the order in which they were recorded."""
        return list(self._rows.get(kind, []))  # type: ignore[arg-type]

    def frame(self, kind: type[Record]) -> pd.DataFrame:
        """Return all rows of one kind as a data frame with one column per field."""
        import pandas as pd

        names = [field.name for field in fields(kind)]
        return pd.DataFrame([[getattr(row, n) for n in names] for row in self.rows(kind)], columns=names)

    def environment(self, name: str, default: str = "") -> str:
        """Return one fact of the run's surroundings."""
        return next((row.value for row in self.rows(Environment) if row.name == name), default)


class Recorder:
    """Appends records to a file, from the process that opened it and from no other."""

    def __init__(self, path: Path) -> None:
        self._process = os.getpid()
        self._pending: list[Record] = []
        self._values: dict[type[Record], list[tuple[Any, ...]]] = {}
        self._flushed = time.monotonic()
        self._database: sqlite3.Connection | None = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        for kind in KINDS:
            self._database.execute(_create(kind))
        self._blocks = Blocks(self._database)
        self._database.commit()

    def add(self, record: Record) -> None:
        """Append one record. It is on disk after at most `FLUSH_SECONDS` of further adding, or at `flush`."""
        self._pending.append(record)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def hold(self, record: Record) -> None:
        """Append one record, to be written at the next `flush` only."""
        self._pending.append(record)

    def hold_values(self, kind: type[Record], rows: list[tuple[Any, ...]]) -> None:
        """Append records given as the values of their fields, plain numbers and texts, to be written at `flush`."""
        self._values.setdefault(kind, []).extend(rows)

    def hold_blocks(self, heads: Sequence[Head], places: Sequence[Place], figures: bytes) -> None:
        """Append statistics of the same tensors in some steps, as in `blocks`, to be written at `flush`."""
        self._blocks.hold(heads, places, figures)

    def flush(self) -> None:
        """Write what is pending. Does nothing in a forked worker."""
        if self._database is None or os.getpid() != self._process:
            self._pending.clear()
            self._values.clear()
            self._blocks.forget()
            return
        pending, self._pending = self._pending, []
        values, self._values = self._values, {}
        by_kind: defaultdict[type[Record], list[tuple[Any, ...]]] = defaultdict(list, values)
        for record in pending:
            by_kind[type(record)].append(tuple(_encode(getattr(record, n)) for n in _COLUMNS[type(record)]))
        for kind, rows in by_kind.items():
            insert(self._database, _insert(kind), rows)
        self._blocks.write()
        self._database.commit()
        self._flushed = time.monotonic()

    def thin(
        self, kind: type[Record], extreme: str, *, per: Sequence[str] = (), first: int = 5, parts: int = BUCKETS
    ) -> int:
        """Drop every second recorded step of a kind; return how many rows are left.

        Kept are the `first` steps, the last one, and the rows that hold the least or the greatest value of the column
        `extreme`: one pair for each combination of `per` in each of `parts` of the run.
        """
        if self._database is None or os.getpid() != self._process:
            return 0
        table = kind.__name__.lower()
        execute = self._database.execute
        blocks = self._blocks if kind is TensorStats else None
        found = {row[0] for row in execute(f'SELECT DISTINCT step FROM "{table}"')}  # noqa: S608
        steps = sorted(found | blocks.steps() if blocks else found)
        if len(steps) > first + 2:
            width = max(1, (steps[-1] - steps[0]) // parts)
            groups = ", ".join(["segment", f"step / {width}", *_quoted(per)])
            kept = " UNION ".join(
                f'SELECT rowid FROM (SELECT rowid, {which}("{extreme}") FROM "{table}" GROUP BY {groups})'  # noqa: S608
                for which in ("MIN", "MAX")
            )
            execute("CREATE TEMP TABLE dropped (step INTEGER PRIMARY KEY)")
            self._database.executemany("INSERT INTO dropped VALUES (?)", [(s,) for s in steps[first:-1:2]])
            execute(
                f'DELETE FROM "{table}" WHERE step IN (SELECT step FROM dropped) AND rowid NOT IN ({kept})'  # noqa: S608
            )
            execute("DROP TABLE dropped")
            if blocks:
                insert(self._database, _insert(kind), blocks.drop(set(steps[first:-1:2]), width, extreme))
            self._database.commit()
        count = int(execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0])  # noqa: S608
        return count + (blocks.count() if blocks else 0)

    def close(self) -> None:
        """Write what is pending and fold the journal into the one file."""
        if self._database is None or os.getpid() != self._process:
            return
        self.flush()
        with suppress(sqlite3.OperationalError):  # somebody reads: the journal stays beside the file, which is fine
            self._database.execute("PRAGMA journal_mode=DELETE")
        self._database.close()
        self._database = None


def values_of(record: Record) -> tuple[Any, ...]:
    """Return the values of a record's fields, in their order."""
    return tuple(getattr(record, name) for name in _COLUMNS[type(record)])


_COLUMNS = {kind: tuple(field.name for field in fields(kind)) for kind in KINDS}


def _hints(kind: type[Record]) -> dict[str, Any]:
    return get_type_hints(kind)


def _create(kind: type[Record]) -> str:
    sql_types = {int: "INTEGER", bool: "INTEGER", float: "REAL"}
    hints = _hints(kind)
    columns = ", ".join(f'"{name}" {sql_types.get(hints[name], "TEXT")}' for name in _COLUMNS[kind])
    unique = f", UNIQUE({', '.join(_quoted(kind.KEY))})" if kind.KEY else ""
    return f'CREATE TABLE IF NOT EXISTS "{kind.__name__.lower()}" ({columns}{unique})'


def _insert(kind: type[Record]) -> str:
    verb = "INSERT OR REPLACE" if kind.KEY else "INSERT"
    return f'{verb} INTO "{kind.__name__.lower()}" ({", ".join(_quoted(_COLUMNS[kind]))})'


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def _encode(value: Any) -> Any:
    match value:
        case tuple():
            return json.dumps(value)
        case float() if math.isnan(value):
            return None  # SQLite has no NaN and would store NULL anyway
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case int() if not -(2**63) <= value < 2**63:
            return float(value)
        case _:
            return value


def _read(database: sqlite3.Connection, kind: type[R]) -> list[R]:
    table = kind.__name__.lower()
    present = {row[1] for row in database.execute(f'PRAGMA table_info("{table}")')}
    names = [name for name in _COLUMNS[kind] if name in present]
    if not names:
        return []
    query = f'SELECT {", ".join(_quoted(names))} FROM "{table}" ORDER BY rowid'  # noqa: S608 - our own names
    hints = _hints(kind)
    decoders = [_decoder(hints[name]) for name in names]
    return [
        kind(**{name: decode(value) for name, decode, value in zip(names, decoders, row, strict=True)})
        for row in database.execute(query)
    ]


def _decoder(hint: Any) -> Any:
    if hint is float:
        return lambda value: float("nan") if value is None else float(value)
    if hint is bool:
        return bool
    if hint in (int, str):
        return lambda value: hint() if value is None else hint(value)
    return lambda value: tuple(json.loads(value)) if value else ()
