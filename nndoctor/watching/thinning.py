"""Which steps of a long training are still written down: every one at first, every second after a thinning, and so on.

Of those left out, the extremes are: before each step taken in, the greatest of what came since the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.blocks import FIGURES, beats, row_of
from nndoctor.records import Record, Step, TensorStats
from nndoctor.watching.figures import Block, head_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.blocks import Place, Row
    from nndoctor.watching.samples import Column

EXTREMES: dict[type[Record], tuple[str, tuple[str, ...]]] = {
    Step: ("loss", ()),
    TensorStats: ("absmax", ("kind", "name")),
}
"""Of a kind, the field whose extremes are kept, for each combination of some others."""
EXTREME = FIGURES.index(EXTREMES[TensorStats][0])


class Thinning:
    """What all kinds have in common."""

    def __init__(self) -> None:
        self.stride = 1
        self.rows = 0
        """In the recording, as far as is known."""
        self.left = 0
        """Of these, after the latest thinning."""
        self.width = 1
        """Rows of one step, at most."""
        self._seen = 0
        self._step = -1
        self._taken = True

    def takes(self, step: int) -> bool:
        """Whether a step is taken in. Asked step by step, of each as often as one likes."""
        if step != self._step:
            self._step = step
            self._taken = self._seen % self.stride == 0
            self._seen += 1
        return self._taken


class OfSteps(Thinning):
    """Of `Step`, as the values of its fields."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__()
        self._number, self._extreme = fields.index("step"), fields.index(EXTREMES[Step][0])
        self._held: Row | None = None

    def take(self, rows: list[Row]) -> list[Row]:
        """Return the rows to write now."""
        if self.stride > 1:
            rows = [kept for row in rows for kept in self._one(row)]
        self.rows += len(rows)
        return rows

    def _one(self, row: Row) -> list[Row]:
        if self.takes(row[self._number]):
            held, self._held = self._held, None
            return [row] if held is None else [held, row]
        if self._held is None or beats(row[self._extreme], self._held[self._extreme]):
            self._held = row
        return []


class OfBlocks(Thinning):
    """Of `TensorStats`, in blocks."""

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[tuple[str, str], tuple[Column, Place, list[float]]] = {}
        """By kind and name; no blocks, which hold much more."""

    def take(self, blocks: list[Block]) -> tuple[list[Block], list[Row]]:
        """Return the blocks to write now, and single rows out of those left out."""
        rows: list[Row] = []
        self.width = max([self.width, *(len(block.columns) for block in blocks)])
        if self.stride > 1:
            kept: list[list[int]] = [[] for _ in blocks]
            places = sorted((place, n, i) for n, block in enumerate(blocks) for i, place in enumerate(block.places))
            for place, number, i in places:
                if self.takes(place[1]):
                    rows += [row_of(head_of(column), at, figures) for column, at, figures in self._held.values()]
                    self._held.clear()
                    kept[number].append(i)
                else:
                    self._hold(blocks[number].columns, place, blocks[number].table[i].tolist())
            blocks = [
                Block(block.columns, [block.places[i] for i in chosen], block.table[chosen])
                for block, chosen in zip(blocks, kept, strict=True)
                if chosen
            ]
        self.rows += len(rows) + sum(len(block.places) * len(block.columns) for block in blocks)
        return blocks, rows

    def _hold(self, columns: Sequence[Column], place: Place, table: list[list[float]]) -> None:
        for column, figures in zip(columns, table, strict=True):
            key = (column.kind, column.name)
            if key not in self._held or beats(figures[EXTREME], self._held[key][2][EXTREME]):
                self._held[key] = (column, place, figures)
