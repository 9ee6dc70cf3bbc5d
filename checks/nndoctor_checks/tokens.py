"""Models that read tokens: may they see what comes?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.records import Causality

if TYPE_CHECKING:
    from nndoctor import Recording

MOST_ROWS = 0.5
"""Share of the rows of a batch that must show a leak; padded rows may show none."""


def judged(run: Recording, segment: int) -> list[Causality]:
    """Return the models of a phase whose last output did follow the last token."""
    return [row for row in run.rows(Causality) if row.segment == segment and not row.why and row.moved > 0]


def looks_ahead(run: Recording, segment: int) -> bool | None:
    """Whether an earlier output changes with the last token; None where no model could be asked."""
    rows = judged(run, segment)
    return any(row.leaking > 0 for row in rows) if rows else None
