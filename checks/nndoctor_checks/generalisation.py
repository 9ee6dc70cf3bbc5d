"""Does the network itself score on samples that it has not trained on?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor.records import TRAIN, VALIDATION, LossCall, Step
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from nndoctor import Recording


def fresh_scores(run: Recording) -> list[tuple[float, int]]:
    """Return score and size of scored batches that were new to the network: validation, else late in the first pass."""
    calls = [c for c in run.rows(LossCall) if c.metric and math.isfinite(c.score) and c.segment == 0]
    validation = [c for c in calls if c.split == VALIDATION]
    if validation:
        late = validation[len(validation) // 2 :]
        return [(c.score, c.target_shape[0] if c.target_shape else 1) for c in late]
    first = {s.step for s in observed(run, Step) if s.segment == 0 and s.epoch == 0}
    training = [c for c in observed(run, LossCall) if c in calls and c.split == TRAIN and c.step in first]
    late = training[len(training) // 2 :]
    return [(c.score, c.target_shape[0] if c.target_shape else 1) for c in late]


def generalises(run: Recording, chance: float, *, classes: int, sigmas: float = 2.0) -> bool | None:
    """Whether the score on new samples is above chance by more than its error; None where there is no score."""
    scores = fresh_scores(run)
    total = sum(size for _, size in scores)
    if not scores or total < 1:
        return None
    mean = sum(score * size for score, size in scores) / total
    error = math.sqrt(max(chance * (1 - chance), 1e-6) / total) if classes else 0.02
    return mean > chance + sigmas * error
