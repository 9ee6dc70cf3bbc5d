"""Statistics of all tensors of one step as one value in the database: a row of its own for each is many times the work.

With `recording`, the only file that knows the schema. A block holds the figures of a step, float32, tensor by tensor;
what the tensors are called is its layout, the same one in most steps of a training. Only `watch` writes blocks.
"""

from __future__ import annotations

import json
import struct
from dataclasses import fields
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from nndoctor.records import OBSERVE, TensorStats

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Container, Iterable, Iterator, Sequence

    Head = tuple[str, str, str, int, int]
    """Of a tensor: kind, name, type, order and numel."""
    Place = tuple[int, int]
    """Segment and step."""
    Row = tuple[Any, ...]
    """The values of a `TensorStats`, in its order."""

AT_ONCE = 20
"""Rows written by one statement: for each statement the interpreter's lock is let go of, and has to be waited for
again. Of the widest kind these are fewer than the 999 values that an old SQLite takes."""
FIGURES = [field.name for field in fields(TensorStats)][8:]
FORMAT = struct.Struct(f"<{len(FIGURES)}f")


def insert(database: sqlite3.Connection, into: str, rows: Sequence[Row]) -> None:
    """Write rows, several by one statement. `into`: a statement up to its `VALUES`."""
    if not rows:
        return
    one = f"({', '.join('?' * len(rows[0]))})"
    whole = len(rows) - len(rows) % AT_ONCE
    several = (tuple(chain.from_iterable(rows[i : i + AT_ONCE])) for i in range(0, whole, AT_ONCE))
    database.executemany(f"{into} VALUES {', '.join([one] * AT_ONCE)}", several)
    database.executemany(f"{into} VALUES {one}", rows[whole:])


class Blocks:
    """The blocks of one recording that is written."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._pending: list[tuple[Sequence[Head], Sequence[Place], bytes]] = []
        database.execute("CREATE TABLE IF NOT EXISTS tensorlayout (id INTEGER PRIMARY KEY, tensors TEXT UNIQUE)")
        database.execute(
            "CREATE TABLE IF NOT EXISTS tensorblock (segment INTEGER, step INTEGER, layout INTEGER, figures BLOB)"
        )

    def hold(self, heads: Sequence[Head], places: Sequence[Place], figures: bytes) -> None:
        """Append the blocks of some steps, one after the other, to be written at `write`."""
        self._pending.append((heads, places, figures))

    def forget(self) -> None:
        """Forget what is pending."""
        self._pending.clear()

    def write(self) -> None:
        """Write what is pending; the caller commits."""
        pending, self._pending = self._pending, []
        rows: list[Row] = []
        for heads, places, figures in pending:
            layout, size = self._layout(heads), len(heads) * FORMAT.size
            rows += [(*place, layout, figures[i * size : (i + 1) * size]) for i, place in enumerate(places)]
        insert(self._database, "INSERT INTO tensorblock", rows)

    def _layout(self, heads: Sequence[Head]) -> int:
        """Return a layout's number. Asked of the database each time: a full disk may have undone what was written."""
        tensors = json.dumps(heads)
        self._database.execute("INSERT OR IGNORE INTO tensorlayout (tensors) VALUES (?)", (tensors,))
        return int(self._database.execute("SELECT id FROM tensorlayout WHERE tensors = ?", (tensors,)).fetchone()[0])

    def steps(self) -> set[int]:
        """Return all steps of which there are blocks."""
        return {row[0] for row in self._database.execute("SELECT DISTINCT step FROM tensorblock")}

    def count(self) -> int:
        """Return how many tensors' statistics the blocks hold."""
        size = self._database.execute("SELECT SUM(LENGTH(figures)) FROM tensorblock").fetchone()[0]
        return (size or 0) // FORMAT.size

    def drop(self, dropped: Container[int], width: int, extreme: str) -> list[Row]:
        """Drop the blocks of some steps; return of them the rows with the extremes of a figure.

        These are, in each part of `width` steps, each tensor's least and greatest; a NaN counts as the greatest.
        """
        heads = _layouts(self._database)
        blocks = self._database.execute(
            "SELECT segment, step, layout, figures, rowid FROM tensorblock ORDER BY 3, 1, 2"
        )
        gone: list[tuple[int]] = []
        found: dict[tuple[Any, ...], tuple[float, Row, int]] = {}
        for (layout, segment, part), each in groupby(blocks, key=lambda block: (block[2], block[0], block[1] // width)):
            group = list(each)
            gone += [(block[4],) for block in group if block[1] in dropped]
            for column, greatest, value, number in _extremes(group, FIGURES.index(extreme)):
                key = (segment, part, greatest, *heads[layout][column][:2])
                if key not in found or beats(value, found[key][0]):
                    found[key] = (value, group[number], column)
        self._database.executemany("DELETE FROM tensorblock WHERE rowid = ?", gone)
        self._database.execute("DELETE FROM tensorlayout WHERE id NOT IN (SELECT layout FROM tensorblock)")
        kept = {(block[4], column): block for _, block, column in found.values() if block[1] in dropped}
        return [
            row_of(heads[block[2]][column], block[:2], FORMAT.unpack_from(block[3], column * FORMAT.size))
            for (_, column), block in sorted(kept.items())
        ]


def beats(new: float, old: float) -> bool:
    """Whether a value is greater than another. A NaN counts as the greatest: it is what one looks for."""
    return new > old or new != new  # noqa: PLR0124


def row_of(head: Head, place: Sequence[int], figures: Sequence[float]) -> Row:
    """Return one tensor's statistics as the values of a `TensorStats`."""
    return (OBSERVE, *place, *head, *figures[:-1], int(figures[-1]))


def stats_of(database: sqlite3.Connection) -> Iterator[TensorStats]:
    """Yield what the blocks of a recording hold, in their order; of an older recording nothing."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'tensorblock'").fetchone():
        return
    layouts = _layouts(database)
    for segment, step, layout, block in database.execute(
        "SELECT segment, step, layout, figures FROM tensorblock ORDER BY rowid"
    ):
        for (kind, name, type_, order, numel), values in zip(layouts[layout], FORMAT.iter_unpack(block), strict=True):
            mean, std, absmax, norm, zero_share, saturated_share, non_finite = values
            yield TensorStats(
                experiment=OBSERVE, segment=segment, step=step, kind=kind, name=name, type=type_, order=order,
                numel=numel, mean=mean, std=std, absmax=absmax, norm=norm, zero_share=zero_share,
                saturated_share=saturated_share, non_finite=int(non_finite),
            )  # fmt: skip


def _layouts(database: sqlite3.Connection) -> dict[int, list[Head]]:
    return {number: json.loads(tensors) for number, tensors in database.execute("SELECT * FROM tensorlayout")}


def _extremes(group: list[Row], figure: int) -> Iterable[tuple[int, bool, float, int]]:
    """Yield of each tensor, twice: its column, whether it is the greatest, that value or the least negated, the block.

    All blocks are of one layout.
    """
    import numpy as np

    whole = np.frombuffer(b"".join([block[3] for block in group]), "<f4").reshape(len(group), -1, len(FIGURES))
    values = whole[:, :, figure]
    for greatest, signed in ((True, values), (False, np.where(np.isnan(values), -np.inf, -values))):
        numbers = signed.argmax(0)  # of a NaN, where there is one
        for column, number in enumerate(numbers.tolist()):
            yield column, greatest, float(signed[number, column]), number
