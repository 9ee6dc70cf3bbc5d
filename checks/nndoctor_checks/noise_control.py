"""The control experiment: training on the input beside training on the same input permuted across the batch."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean, median
from typing import TYPE_CHECKING

from nndoctor.records import TRAIN, LossCall, Step
from nndoctor_checks.observed import observed
from nndoctor_checks.tails import standard_score

if TYPE_CHECKING:
    from collections.abc import Collection

    from nndoctor import Recording

Scores = dict[int, list[LossCall]]
"""The scored loss calls of an experiment by step."""


def scored(run: Recording, segment: int, experiment: str) -> Scores:
    """Return the training calls of which loss, score and chance are known."""
    found: defaultdict[int, list[LossCall]] = defaultdict(list)
    for call in observed(run, LossCall, experiment):
        # Diverged values are left out as well: their squares are infinite.
        known = all(abs(number) < 1e30 for number in (call.score, call.chance, call.value))
        if call.split == TRAIN and call.segment == segment and call.metric and known:
            found[call.step].append(call)
    return dict(found)


def first_pass(run: Recording, segment: int) -> set[int]:
    """Return the observed steps in which no sample came a second time, as far as the epochs tell."""
    steps = [s for s in observed(run, Step) if s.segment == segment]
    return {s.step for s in steps if s.epoch == steps[0].epoch}


class Comparison:
    """Two experiments on the same batches; the second half of their common steps is compared.

    Only steps of `fresh` count, the first pass over the data: in the second one, even random inputs are known by heart.
    """

    def __init__(self, real: Scores, noise: Scores, fresh: Collection[int]) -> None:
        self.real = real
        self.noise = noise
        self.steps = sorted(real.keys() & noise.keys() & set(fresh))
        self.half = self.steps[len(self.steps) // 2 :]

    @property
    def metric(self) -> str:
        """Name of the score."""
        return self.real[self.half[0]][0].metric

    def mean(self, scores: Scores, what: str) -> float:
        """Return the mean of a number of the calls."""
        return fmean(getattr(call, what) for step in self.half for call in scores[step])

    def at_chance(self, margin: float) -> bool:
        """Whether the score is that of the best constant, where there is room above it; `margin` in standard errors."""
        calls = [call for step in self.half for call in self.real[step]]
        if any(call.metric == "r2" for call in calls):
            return median(call.score for call in calls) <= 0.05
        if fmean(call.chance for call in calls) > 0.9:
            return False
        return standard_score([call.score - call.chance for call in calls]) < margin

    def better(self, margin: float) -> bool:
        """Whether the real input led to a lower loss or a higher score than noise, batch by batch."""

        def at(scores: Scores, step: int, what: str) -> float:
            return fmean(getattr(call, what) for call in scores[step])

        ahead = [at(self.noise, s, "value") - at(self.real, s, "value") for s in self.half]
        above = [at(self.real, s, "score") - at(self.noise, s, "score") for s in self.half]
        return not (standard_score(ahead) < margin and standard_score(above) < margin)

    def on_plateau(self, close: float) -> bool:
        """Whether the loss is that of the best constant, within a relative distance."""
        calls = [call for step in self.half for call in self.real[step] if 0 < call.prior_loss < 1e30]
        if not calls:
            return False
        return abs(fmean(c.value for c in calls) / fmean(c.prior_loss for c in calls) - 1) <= close
