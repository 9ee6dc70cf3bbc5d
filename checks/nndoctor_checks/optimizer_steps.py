"""The steps of each optimizer on the user's own batches."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor.records import OptimizerStep
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from nndoctor import Recording


def by_optimizer(run: Recording) -> dict[str, list[OptimizerStep]]:
    """Return the steps of each optimizer, each phase of the script by itself; not those that a GradScaler skipped.

    Keys are the optimizers' names; an optimizer of several phases is listed by the first in which it stepped.
    """
    found: dict[str, list[OptimizerStep]] = {}
    for rows in by_segment(r for r in observed(run, OptimizerStep) if not r.skipped_by_scaler).values():
        phase: defaultdict[str, list[OptimizerStep]] = defaultdict(list)
        for row in rows:
            phase[row.optimizer].append(row)
        for name, steps in phase.items():
            found.setdefault(name, steps)
    return found
