"""Runs a loop under treatments: some steps of training, then a measurement on batches that are the same for everybody.

In the measurement the trained state is put back before every step, so that the loop's own code computes its loss and
nothing comes of it. There a treatment that changes what the loss means is applied to the control as well: as a lens.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nndoctor.session import Call, Listener, Pass, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from nndoctor.conductor import Conductor
    from nndoctor.experiments.diet import Result
    from nndoctor.feeds.state import Snapshot
    from nndoctor.probes.losses import Losses
    from nndoctor.treatments.base import Treatment

PLAIN = ""
"""The name of no lens: the loss as the loop itself computes it."""
LOST = 5
"""Steps without a finite loss after which there will be no other: the weights are NaN."""


@dataclass(slots=True)
class Setting:
    """One run: what is applied, for how many steps, and under which lenses it is measured for how many steps each."""

    treatments: Sequence[Treatment]
    steps: int
    measures: int
    lenses: dict[str, Treatment | None] = field(default_factory=lambda: {PLAIN: None})
    repetition: int = 0

    @property
    def length(self) -> int:
        """Iterations in all."""
        return self.steps + self.measures * len(self.lenses)

    def lost(self, result: Result) -> bool:
        """Whether a run need not go on. Where a lens asks for scores, they are of interest in any case."""
        latest = result.losses[-LOST:]
        gone = len(latest) == LOST and result.non_finite_at >= 0 and not any(map(math.isfinite, latest))
        return gone and len(self.lenses) == 1


@dataclass(frozen=True, slots=True)
class Value:
    """What was measured under one lens: means over its batches; infinity for a loss that is not finite."""

    loss: float
    score: float

    def of(self, metric: str) -> float:
        """Return the loss, or the score, whatever it is called."""
        return self.loss if metric == "loss" else self.score


def values(setting: Setting, result: Result) -> dict[str, Value]:
    """Return what was measured, by lens. A run that was cut short has no values for what is missing."""
    if setting.lost(result):
        return {lens: Value(math.inf, math.nan) for lens in setting.lenses}
    found = {}
    for number, lens in enumerate(setting.lenses):
        begin = setting.steps + number * setting.measures
        losses = result.losses[begin : begin + setting.measures]
        scores = [s for s in result.scores[begin : begin + setting.measures] if math.isfinite(s)]
        if len(losses) == setting.measures > 0:
            mean = sum(losses) / len(losses)
            found[lens] = Value(
                mean if math.isfinite(mean) else math.inf, sum(scores) / len(scores) if scores else math.nan
            )
    return found


class Bench(Listener):
    """Applies the treatments of the run that is on."""

    def __init__(self, session: Session, conductor: Conductor, losses: Losses) -> None:
        self.session = session
        self.conductor = conductor
        self.losses = losses
        self.broken = ""
        """Why the latest run says nothing, if a treatment failed in it."""
        self.metric = ""
        """What the scores are."""
        self._setting: Setting | None = None
        self._active: list[Treatment] = []
        self._trained: Snapshot | None = None

    def prepare(self, setting: Setting) -> None:
        """Say what the next diet is to be treated with."""
        self._setting, self.broken = setting, ""

    # ---- the run

    def diet_began(self, name: str) -> None:
        """Apply what belongs to the whole run."""
        if self._setting is None:
            return
        _seed(self._setting.repetition)
        self._active = []
        for treatment in self._setting.treatments:
            self._begin(treatment)
        self.conductor.on_arguments = self.arguments
        self.losses.paused = True  # scores are for what is measured
        if self._setting.steps == 0:
            self._measure(0)

    def step_ended(self) -> None:
        """Go on to the measurement, and within it."""
        self._each(lambda t: t.step_ended())
        self.metric = self.losses.metric or self.metric
        if self._setting is not None and self.session.step + 1 >= self._setting.steps:
            self._measure(self.session.step + 1 - self._setting.steps)

    def diet_ended(self, name: str) -> None:
        """Undo everything."""
        self.close()

    def broken_off(self) -> None:
        """The script was stopped or raised."""
        self.close()

    def close(self) -> None:
        """Take off whatever is applied."""
        self.conductor.on_arguments = None
        self.losses.paused = False
        while self._active:
            self._end(self._active[-1])
        self._setting = self._trained = None

    def _measure(self, done: int) -> None:
        """Set the trained state for a step of the measurement, and put on its lens."""
        setting = self._setting
        assert setting is not None
        self.losses.paused = False
        if self._trained is None:
            self._trained = self.conductor.owned.snapshot()
        else:
            self._trained.restore()
        if setting.measures and done % setting.measures == 0:
            lenses = list(setting.lenses.values())
            number = done // setting.measures
            for lens in [t for t in self._active if t not in setting.treatments]:
                self._end(lens)
            lens_now = lenses[number] if number < len(lenses) else None
            if lens_now is not None:
                self._begin(lens_now)

    def _begin(self, treatment: Treatment) -> None:
        self._active.append(treatment)
        self._guarded(treatment.begin)

    def _end(self, treatment: Treatment) -> None:
        self._active.remove(treatment)
        self._guarded(treatment.end)

    # ---- what the treatments hear

    def outer_call(self, call: Call) -> None:
        """Pass it on."""
        self._each(lambda t: t.outer_call(call))

    def backward_begins(self, this: Pass) -> None:
        """Pass it on."""
        self._each(lambda t: t.backward_begins(this))

    def backward_ended(self, this: Pass) -> None:
        """Pass it on."""
        self._each(lambda t: t.backward_ended(this))

    def clipped(self, parameters: list[Tensor], max_norm: float, norm: Any) -> None:
        """Pass it on."""
        self._each(lambda t: t.clipped(parameters, max_norm, norm))

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Pass it on."""
        self._each(lambda t: t.before_step(optimizer))

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Pass it on."""
        self._each(lambda t: t.after_step(optimizer))

    def arguments(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Return the arguments that a torch function gets."""
        for treatment in self._active:
            try:
                args, kwargs = treatment.op(name, args, kwargs)
            except Exception as error:  # noqa: BLE001 - nothing of ours may reach the patient
                self._spoiled(error)
        return args, kwargs

    def _each(self, tell: Callable[[Treatment], None]) -> None:
        for treatment in self._active:
            self._guarded(lambda treatment=treatment: tell(treatment))  # type: ignore[misc]

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - it spoils the trial and nothing else
            self._spoiled(error)

    def _spoiled(self, error: Exception) -> None:
        self.broken = self.broken or f"the treatment failed: {type(error).__name__}: {error}"


def _seed(repetition: int) -> None:
    """Let later repetitions draw other random numbers; the first draws those of the start state."""
    if repetition:
        seed = 7919 * repetition
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the global stream is what scripts draw from
        torch.manual_seed(seed)
