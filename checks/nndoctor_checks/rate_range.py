"""The learning-rate range test as evidence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Table
from nndoctor.rate_range import RateRange, swept, usable

if TYPE_CHECKING:
    from nndoctor import Evidence

__all__ = ["RateRange", "evidence", "swept", "usable"]


def evidence(found: RateRange | None, rate: float) -> tuple[Evidence, ...]:
    """Return the range test as a table, with the script's own rate in its place."""
    if found is None:
        return ()
    marks = [
        (found.begins, "the loss begins to fall"),
        (found.steepest, "it falls steepest"),
        (found.lowest, "it is lowest"),
        (found.diverges, "it rises again"),
        (rate, "yours"),
    ]
    rows = sorted((r, what) for r, what in marks if 0 < r < math.inf)
    return (Table("learning-rate range test", ("rate", "there"), tuple((f"{r:.2g}", what) for r, what in rows)),)
