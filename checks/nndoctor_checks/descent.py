"""How far down the loss went in an experiment: what the checks of fitting and of the learning rate have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from nndoctor.records import OVERFIT, TRAIN, Experiment, GradientCheck, LossCall, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor import Recording

RAN = ("done", "cut")
"""Outcomes of an experiment that left steps to look at."""
SAME_OBJECTIVE = 0.02
"""How much the ratio of the losses called to the loss trained on may vary, relative, for them to be the same thing."""
SHRUNK = 0.01
"""The loss trained on, as a share of the losses called, below which only a factor can have made it so small."""
SAME_TARGET = 1e-3
"""How much the statistics of a target may vary, relative, for it to be the same target in each step."""


@dataclass(frozen=True, slots=True)
class Descent:
    """The losses of an experiment up to the first NaN or Inf, with the scores of the predictions beside them."""

    experiment: str
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    scores: tuple[float, ...]
    diverged: bool
    """It ended in NaN or Inf."""
    lr: float

    @property
    def start(self) -> float:
        """The loss before the first step."""
        return self.losses[0] if self.losses else math.nan

    @property
    def before(self) -> float:
        """The typical loss of the third quarter."""
        quarter = max(1, len(self.losses) // 4)
        return middle(self.losses[-2 * quarter : -quarter] or self.losses)

    @property
    def end(self) -> float:
        """The typical loss of the last quarter."""
        return middle(self.losses[-max(1, len(self.losses) // 4) :])

    @property
    def highest(self) -> float:
        """The largest loss of the last quarter."""
        return max(self.losses[-max(1, len(self.losses) // 4) :], default=math.nan)

    @property
    def lowest(self) -> float:
        """The lowest of the last five losses."""
        return min(self.losses[-5:], default=math.nan)


def middle(values: Sequence[float]) -> float:
    """Return the median, NaN of nothing."""
    return median(values) if values else math.nan


def descent(run: Recording, experiment: str, segment: int) -> Descent | None:
    """Return the course of the loss in one experiment, None if nothing was trained in it."""
    steps = [
        s for s in run.rows(Step) if s.experiment == experiment and s.segment == segment and s.backwards > 0
    ]  # fmt: skip
    if not steps:
        return None
    bad = next((i for i, s in enumerate(steps) if not math.isfinite(s.loss)), len(steps))
    good = steps[:bad]
    by_step: dict[int, list[float]] = {}
    for call in calls(run, experiment, segment):
        if call.metric and math.isfinite(call.score):
            by_step.setdefault(call.step, []).append(call.score)
    scores = tuple(sum(v) / len(v) for s in good if (v := by_step.get(s.step)))
    rates = [s.lr for s in steps if math.isfinite(s.lr)]
    return Descent(
        experiment, tuple(s.step for s in good), tuple(s.loss for s in good), scores, bad < len(steps),
        max(rates, default=math.nan),
    )  # fmt: skip


def attempts(run: Recording, segment: int) -> dict[str, Descent]:
    """Return what became of the small batch at each learning rate that was tried."""
    found = {}
    for each in run.rows(Experiment):
        ran = each.outcome in RAN and each.segment == segment
        if ran and (each.name == OVERFIT or each.name.startswith(f"{OVERFIT}:")):
            course = descent(run, each.name, segment)
            if course is not None:
                found[each.name] = course
    return found


def objectives(run: Recording, segment: int) -> int:
    """Return how many different losses one iteration minimises, as far as the experiments know.

    A layer that passes its input on and turns the gradient round (domain-adversarial training, Ganin et al. 2016)
    makes two of one: what comes after it minimises what comes before it maximises.
    """
    known = max((e.objectives for e in run.rows(Experiment) if e.segment == segment), default=1)
    reverses = any(g.segment == segment and _reverses(g) for g in run.rows(GradientCheck))
    return max(known, 2) if reverses else known


def _reverses(row: GradientCheck) -> bool:
    """Whether it is an identity with an opposite gradient: only then is the difference longer than either."""
    return row.unchanged > 0.99 and row.error > 1.05


def calls(run: Recording, experiment: str, segment: int) -> list[LossCall]:
    """Return the calls of loss functions in the training steps of one experiment."""
    return [
        c
        for c in run.rows(LossCall)
        if c.experiment == experiment and c.segment == segment and c.split == TRAIN and c.requires_grad
    ]


def floor_of(run: Recording, course: Descent, segment: int) -> float:
    """Return the lowest value that the loss can take, NaN if it is not known.

    It is known if the losses called have known floors and make up all that is trained on, to a constant factor
    (a division by the number of micro-batches).
    """
    called = calls(run, course.experiment, segment)
    values, floors = _sums(called)
    if not called or any(not math.isfinite(c.floor) for c in called):
        return math.nan
    ratio = _ratio(course, values)
    return ratio * middle(list(floors.values())) if math.isfinite(ratio) else math.nan


def factor_of(run: Recording, course: Descent, segment: int) -> float:
    """Return what the script multiplies its losses with before it trains on them, NaN if it is no constant.

    Terms that stand beside the losses called keep it from being one; that all together is far less than these, in each
    step, tells the size of it nevertheless.
    """
    called = calls(run, course.experiment, segment)
    if not all(c.reduction == "mean" for c in called):
        return math.nan
    values = _sums(called)[0]
    ratio = _ratio(course, values)
    if math.isfinite(ratio):
        return ratio
    ratios = _ratios(course, values)
    return middle(ratios) if ratios and max(map(abs, ratios)) < SHRUNK else math.nan


def prior_of(run: Recording, course: Descent, segment: int) -> float:
    """Return the loss of a model that always predicts the batch's prior, NaN if it is not known."""
    called = calls(run, course.experiment, segment)
    if not called or len({(c.file, c.line, c.function) for c in called}) > 1 or called[0].reduction != "mean":
        return math.nan
    ratio = _ratio(course, _sums(called)[0])
    per_step = len(called) / max(1, len({c.step for c in called}))
    return ratio * per_step * middle([c.prior_loss for c in called if math.isfinite(c.prior_loss)])


def same_target(run: Recording, course: Descent, segment: int) -> bool:
    """Whether the loss compares with the same target in every step: fresh noise or a random mask cannot be learnt."""
    seen: dict[tuple[object, ...], list[tuple[float, float]]] = {}
    for call in calls(run, course.experiment, segment):
        seen.setdefault((call.file, call.line, call.function), []).append((call.target_min, call.target_max))
    for bounds in seen.values():
        for values in zip(*bounds, strict=True):
            known = [v for v in values if math.isfinite(v)]
            if known and max(known) - min(known) > SAME_TARGET * max(abs(v) for v in known) + 1e-12:
                return False
    return True


def _sums(called: Sequence[LossCall]) -> tuple[dict[int, float], dict[int, float]]:
    values: dict[int, float] = {}
    floors: dict[int, float] = {}
    for call in called:
        values[call.step] = values.get(call.step, 0.0) + call.value
        floors[call.step] = floors.get(call.step, 0.0) + call.floor
    return values, floors


def _ratio(course: Descent, values: dict[int, float]) -> float:
    """Return loss trained on / losses called where that is one constant, else NaN."""
    ratios = _ratios(course, values)
    if not ratios or not max(ratios) - min(ratios) <= SAME_OBJECTIVE * abs(middle(ratios)):
        return math.nan
    return middle(ratios)


def _ratios(course: Descent, values: dict[int, float]) -> list[float]:
    pairs = zip(course.steps, course.losses, strict=True)
    return [loss / values[step] for step, loss in pairs if values.get(step, 0.0) > 1e-6]
