"""A run of the script for treatment trials alone: few instruments, nothing recorded but what the trials show."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nndoctor.experiments.bench import Bench
from nndoctor.experiments.course import Course
from nndoctor.experiments.diet import Diet
from nndoctor.experiments.forks import Forks
from nndoctor.experiments.trials import Trials
from nndoctor.experiments.wishes import Wish
from nndoctor.probes import graph
from nndoctor.probes.losses import Losses
from nndoctor.probes.modules import ACTIVATIONS
from nndoctor.records import OBSERVE, Trial
from nndoctor.session import Call, Listener, Pass, Session
from nndoctor.treatments.base import Ground
from nndoctor.treatments.losses import weighs
from nndoctor.treatments.model import DROPOUTS

if TYPE_CHECKING:
    from collections.abc import Generator

    import torch
    from torch import Tensor, nn

    from nndoctor.conductor import Conductor
    from nndoctor.experiments.diet import Result
    from nndoctor.probes.batches import Batches
    from nndoctor.probes.era import Era

SHARE = 0.3
"""Greatest share of the time for recording the batches."""
WALKED = 3
"""Steps in which the graph behind the loss is walked."""


class Ward(Listener):
    """Has the trials of each segment done, and ends the script after the last."""

    def __init__(self, session: Session, conductor: Conductor, era: Era, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.wishes = [Wish.read(content) for content in session.config.trials]
        self._losses = Losses(session, conductor, era, batches)
        self._bench = Bench(session, conductor, self._losses)
        self._ground = Ground(conductor)
        self._last: nn.Module | None = None
        self._on_batch = conductor.on_batch
        self._on_op = conductor.on_op
        self._forks = Forks(session)
        self.course = Course(session, conductor, self._losses)
        for listener in (era, batches, self._losses, self._bench, self.course, self):
            session.listen(listener)

    def plan(self, conductor: Conductor) -> Generator[Diet, Result, None]:
        """Yield the diets of one segment."""
        segment = self.session.segment
        here = [wish for wish in self.wishes if wish.segment == segment]
        self._ground = Ground(conductor)
        conductor.on_batch, conductor.on_op = self._on_batch, self._on_op
        config = self.session.config
        forks = self._forks if config.iterations and self._forks.possible() else None
        # Of a short loop, most is for the runs.
        steps = min(config.steps, config.iterations // (4 if forks else 8) or config.steps)
        if here:
            conductor.on_op = self._seen
        steps = steps if here else 1
        observed = yield Diet(name=OBSERVE, wanted=steps, least=steps, seconds=SHARE * config.budget)
        if here:
            # Where data meets the model is known now; to look at every batch again would only cost time.
            conductor.on_batch, conductor.on_op = lambda *_: None, lambda *_: None
            yield from Trials(conductor, self._bench, self._ground, here, forks).plan(observed)
        if not any(wish.segment > segment for wish in self.wishes):
            conductor.finish("the trials are done")

    # ---- what treatments have to know of the loop

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Note the rate of the first step: a warm-up begins far below what it is going to reach."""
        if self.session.experiment == OBSERVE and self.session.step == 0:
            rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
            known = [rate for rate in (self._ground.first_rate, *rates) if math.isfinite(rate)]
            self._ground.first_rate = max(known, default=math.inf)

    def _seen(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Note whether a term of a loss is multiplied with a large number."""
        self._on_op(name, args, kwargs, output)
        self._ground.weighted = self._ground.weighted or weighs(name, args)

    def outer_call(self, call: Call) -> None:
        """Note whether the model trains in eval mode."""
        if self.session.experiment == OBSERVE and call.grad and any(not m.training for m in call.module.modules()):
            self._ground.eval_mode = True

    def module_done(self, call: Call, output: Any) -> None:
        """Remember the layer with weights that ran last."""
        if self.session.experiment == OBSERVE and next(call.module.parameters(recurse=False), None) is not None:
            weight = getattr(call.module, "weight", None)
            if weight is not None and weight.dim() > 1:
                self._last = call.module

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Note what follows a layer, and whether there is dropout."""
        if self.session.experiment != OBSERVE:
            return
        if name in DROPOUTS:
            self._ground.dropouts = True
        elif name in ACTIVATIONS and self._last is not None:
            self._ground.followed_by.setdefault(id(self._last), name)
            self._last = None

    def backward_begins(self, this: Pass) -> None:
        """Find what the loss depends on."""
        if self.session.experiment == OBSERVE and self.session.step < WALKED:
            found: dict[int, Tensor] = graph.leaves(this.roots)
            if self.session.step == 0 and self.conductor.start is not None:
                self.conductor.start.extend(list(found.values()))  # leaves that no module or optimizer holds
            self._ground.behind_loss.update(found)

    def broken_off(self) -> None:
        """The script raised or was stopped."""
        self.script_ended()

    def script_ended(self) -> None:
        """In the fork of a run, its loop has come to an end before the run did: nothing was measured."""
        if self._forks.is_child:
            self._forks.report({})

    def failed(self, failure: str) -> None:
        """The script raised in a run of a trial: the treatments of that run are not tried again."""
        experiment = self.session.experiment
        for wish in self.wishes:
            if wish.segment == self.session.segment and f":{wish.treatment}" in experiment.replace("+", ":"):
                row = Trial(treatment=wish.treatment, checks=wish.checks, skipped=f"the script failed: {failure}")
                self.session.add(replace(row, segment=self.session.segment))
