"""The curves of two runs at the same steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.records import OBSERVE, OVERFIT, TRAIN, Evaluation, LossCall, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nndoctor.recording import Recording

TENTH = 10
"""The end of a curve is the median of its last tenth: single batches are noise."""


@dataclass(frozen=True, slots=True)
class CurvePair:
    """One curve of both runs, at the steps that both have, without values that are no numbers."""

    what: str
    steps: tuple[int, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def start(self) -> tuple[float, float]:
        """The first values."""
        return self.before[0], self.after[0]

    @property
    def end(self) -> tuple[float, float]:
        """The medians of the last tenths of the steps that both have."""
        most = max(1, len(self.steps) // TENTH)
        first, second = (sorted(values[-most:])[most // 2] for values in (self.before, self.after))
        return first, second


def curve_pairs(before: Recording, after: Recording) -> Iterator[CurvePair]:
    """Yield loss and metric of each phase, of the overfitted batch, and of the evaluations."""
    old, new = _curves(before), _curves(after)
    for what, first in old.items():
        second = new.get(what, {})
        steps = tuple(step for step in first if step in second)
        if steps:
            yield CurvePair(what, steps, tuple(first[s] for s in steps), tuple(second[s] for s in steps))


def _curves(run: Recording) -> Mapping[str, Mapping[int, float]]:
    found: dict[str, dict[int, float]] = {}

    def add(what: str, segment: int, step: int, value: float) -> None:
        if math.isfinite(value):
            found.setdefault(f"{what}, phase {segment + 1}" if segment else what, {})[step] = value

    for row in run.rows(Step):
        if row.experiment == OBSERVE:
            add("loss", row.segment, row.step, row.loss)
    for call in run.rows(LossCall):
        if call.experiment == OBSERVE and call.split == TRAIN and call.metric:
            add(call.metric, call.segment, call.step, call.score)
    for row in run.rows(Step):
        if row.experiment == OVERFIT:
            add("loss on one batch", row.segment, row.step, row.loss)
    for each in run.rows(Evaluation):
        name = each.split or "evaluation"
        add(f"{name} loss", each.segment, each.epoch, each.loss)
        if each.metric:
            add(f"{name} {each.metric}", each.segment, each.epoch, each.score)
    return found
