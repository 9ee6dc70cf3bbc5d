"""The rows that a verdict may rest on: the user's own batches, up to the first NaN or Inf, one phase at a time."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from nndoctor.records import OBSERVE, NonFinite, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndoctor import Recording

R = TypeVar("R", bound=Record)


def observed(run: Recording, kind: type[R], experiment: str = OBSERVE) -> list[R]:
    """Return the rows of one experiment, without those from the first NaN or Inf of their segment on."""
    first_bad: dict[int, int] = {}
    for bad in run.rows(NonFinite):
        if bad.experiment == experiment and not bad.harmless:
            first_bad[bad.segment] = min(bad.step, first_bad.get(bad.segment, bad.step))
    return [
        row
        for row in run.rows(kind)
        if row.experiment == experiment and (row.segment not in first_bad or row.step < first_bad[row.segment])
    ]


def by_segment(rows: Iterable[R]) -> dict[int, list[R]]:
    """Return the rows of each phase of the script, phases in order."""
    found: defaultdict[int, list[R]] = defaultdict(list)
    for row in rows:
        found[row.segment].append(row)
    return dict(sorted(found.items()))
