"""How many networks take part in a phase: beside a second one, targets may be made and not given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.records import Module

if TYPE_CHECKING:
    from nndoctor import Recording


def networks(run: Recording, segment: int) -> set[str]:
    """Return the roots with parameters that ran in a phase; a loss that is a module is none."""
    rows = [m for m in run.rows(Module) if m.segment == segment and m.all_calls + m.calls > 0]
    return {m.root for m in rows if m.parameters > 0}
