"""Training iterations: losses, backward passes, optimizer steps and the state of their gradients."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nndoctor.fingerprint import changed, fingerprint
from nndoctor.places import user_place
from nndoctor.probes import graph
from nndoctor.probes.gradients import Gradients
from nndoctor.records import Backward, OptimizerStep, Step
from nndoctor.session import Call, Listener, Pass, Session

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor
    from nndoctor.probes.losses import Losses
    from nndoctor.probes.parameters import Parameters

WALKED_STEPS = 8
"""The graph is walked in the first steps of `observe`, and in the sampled ones after them."""


class Steps(Listener):
    """Records `Step`, `Backward` and `OptimizerStep`."""

    def __init__(self, session: Session, conductor: Conductor, losses: Losses, parameters: Parameters) -> None:
        self.session = session
        self.conductor = conductor
        self.losses = losses
        self.parameters = parameters
        self._dirty: dict[int, Tensor] = {}
        """Parameters whose gradient has not been seen cleared since the last step of their optimizer."""
        self._gradients = Gradients()
        self._tensors: list[Tensor] = []
        self._had: set[int] = set()
        """Parameters with a non-zero gradient after the last backward pass."""
        self._passes_since: defaultdict[int, int] = defaultdict(int)
        self._inside = 0
        self._waited = 0.0
        self._clock: float | None = None
        self._reset()

    def _reset(self) -> None:
        self._values: list[Tensor] = []
        self._before: Tensor | None = None
        self._passes = 0
        self._stepped: list[int] = []
        self._lr = math.nan
        self._finite = True
        self._step_before: Tensor | None = None
        self._row: OptimizerStep | None = None

    def _begin(self) -> None:
        if self._before is None:
            self._tensors = self.conductor.owned.trained_tensors()
            self._before = fingerprint(self._tensors)

    def _looks_closely(self) -> bool:
        return self.session.step < WALKED_STEPS or self.session.sampled

    def outer_call(self, call: Call) -> None:
        """The clock of the very first iteration starts with its first call."""
        if self._clock is None:
            self._clock = time.perf_counter()

    def backward_begins(self, this: Pass) -> None:
        """Note the loss, what it depends on, and which gradients were cleared before it."""
        self._begin()
        if self.session.in_optimizer is None or not self._values:
            self._values += [root.detach().sum() / this.scale for root in this.roots]
        alive = self._gradients.alive(self._dirty.values())
        self._dirty = {key: tensor for key, tensor in self._dirty.items() if key in alive}
        reached, found = -1, {}
        if self._looks_closely():
            found = graph.leaves(this.roots)
            reached = self.parameters.reached(found)
        file, line, function = this.place
        self._backward = Backward(
            index=self._passes,
            scale=this.scale,
            reached=reached,
            leaves=len(found) if reached >= 0 else -1,
            loss=float(self._values[-1]) if self._values else math.nan,
            file=file,
            line=line,
            function=function,
        )

    def backward_ended(self, this: Pass) -> None:
        """Note which gradients there are now."""
        self.session.add(replace(self._backward, failed=this.failed))
        self._passes += 1
        self._inside += 1
        self._had = self._gradients.alive(self._tensors)
        for key in list(self._passes_since):
            self._passes_since[key] += 1
        self.parameters.gradients_arrived(self._had)

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Measure the gradients that the optimizer gets."""
        held = [p for group in optimizer.param_groups for p in group["params"]]
        self._begin()
        norms = self._gradients.norms(held)
        alive = {key for key, norm in norms.items() if norm != 0.0}
        rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
        rate = max(rates, default=math.nan)
        self._lr = rate if math.isnan(self._lr) else max(rate, self._lr)
        norm = math.sqrt(sum(n * n for n in norms.values()))
        file, line, function = user_place()
        self._row = OptimizerStep(
            optimizer=self.session.names.numbered(optimizer),
            lr=rate,
            parameters=len(held),
            with_gradient=len(alive),
            stale=sum(id(p) in self._dirty and id(p) in alive for p in held),
            cleared=sum(id(p) in self._had and id(p) not in alive for p in held),
            backwards=self._passes_since.get(id(optimizer), self._passes),
            gradient_norm=norm,
            file=file,
            line=line,
            function=function,
        )
        self._finite = self._finite and math.isfinite(norm)
        self._inside = 0
        self._step_before = fingerprint(held) if self._looks_closely() else None
        self.parameters.gradients_taken(held, alive)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Measure what the step did, and begin to watch for the gradients to be cleared."""
        held = [p for group in optimizer.param_groups for p in group["params"]]
        row, before = self._row, self._step_before
        if row is None:
            return
        if self._inside:  # a closure ran inside the step: its own gradients count, not those of before
            alive = self._gradients.alive(held)
            row = replace(
                row,
                with_gradient=len(alive),
                cleared=0,
                backwards=row.backwards + self._inside,
                stale=sum(id(p) in self._dirty and id(p) in alive for p in held),
            )
            self.parameters.gradients_taken(held, alive)
        self.session.add(replace(row, changed=-1 if before is None else _changed_count(held, before)))
        self._stepped.append(id(optimizer))
        self._passes_since[id(optimizer)] = 0
        alive = self._gradients.alive(held)
        self._dirty.update((id(p), p) for p in held if id(p) in alive)

    def step_ended(self) -> None:
        """Record the iteration."""
        self._begin()
        now = fingerprint(self._tensors)
        values = [float(value) for value in self._values]
        loss = sum(values) if values else math.nan
        finite = self._finite and all(map(math.isfinite, values)) and bool(torch.isfinite(now).all())
        waited, self._waited = self.conductor.loader_feed.waited - self._waited, self.conductor.loader_feed.waited
        moment = time.perf_counter()
        clock, self._clock = self._clock if self._clock is not None else moment, moment
        batch = self.conductor.diet.cut if self.conductor.diet is not None else 0
        self.session.add(
            Step(
                epoch=self.session.epoch,
                loss=loss,
                lr=self._lr,
                batch_size=min(batch, self.conductor.store.batch_size) if batch else self.conductor.store.batch_size,
                backwards=self._passes,
                optimizer_steps=len(self._stepped),
                parameters_changed=self._before is not None and changed(self._before, now),
                data_seconds=waited,
                compute_seconds=max(0.0, moment - clock - waited),
                loader=self.conductor.training_loader(),
            )
        )
        self.conductor.measured(
            loss,
            self.losses.score(),
            waited,
            finite=finite,
            objectives=max(1, min(len(set(self._stepped)), self._passes)),
        )
        self._reset()


def _changed_count(held: list[Tensor], before: Tensor) -> int:
    """Count the parameters whose part of the fingerprint differs."""
    count, position = 0, 0
    for tensor in held:
        part = fingerprint([tensor])
        if changed(before[position : position + len(part)], part):
            count += 1
        position += len(part)
    return count
