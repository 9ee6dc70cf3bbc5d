"""The plan where several processes train together: each must do the same number of steps as the others.

A step is a collective operation: a process that leaves an experiment sooner lets the others wait for ever. So nothing
here ends by the clock or by what a process finds out about itself: so many steps are observed, and the script goes on
for so many batches. Whatever needs to decide by results is left to a check of the script in one process.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor.experiments.diet import Diet, Result
from nndoctor.records import OBSERVE, OVERFIT, RANDOM_INPUT, Experiment

if TYPE_CHECKING:
    from collections.abc import Generator

    from nndoctor.conductor import Conductor

WHY = "several processes train together; check the script in one process for it"


def observe_only(conductor: Conductor) -> Generator[Diet, Result, None]:
    """Yield the one diet of a segment."""
    steps = conductor.session.config.steps
    yield Diet(name=OBSERVE, wanted=steps, least=min(steps, 10), seconds=math.inf, lockstep=True)
    for name in (OVERFIT, RANDOM_INPUT):
        conductor.session.add(Experiment(name=name, outcome="skipped", why=WHY))
