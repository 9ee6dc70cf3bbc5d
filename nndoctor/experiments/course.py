"""The course of a loop on a diet: loss and score of each iteration, and nothing else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor.session import Listener, Pass, Session

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nndoctor.conductor import Conductor
    from nndoctor.probes.losses import Losses


class Course(Listener):
    """Measures what trials compare. Records nothing."""

    def __init__(self, session: Session, conductor: Conductor, losses: Losses) -> None:
        self.session = session
        self.conductor = conductor
        self.losses = losses
        self._values: list[Tensor] = []
        self._passes = 0
        self._stepped: set[int] = set()
        self._waited = 0.0

    def backward_begins(self, this: Pass) -> None:
        """Note the loss; of a closure that is evaluated several times in a step, the first."""
        if self.session.in_optimizer is None or not self._values:
            self._values += [root.detach().sum() / this.scale for root in this.roots]
        self._passes += 1

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Count the optimizers that take part."""
        self._stepped.add(id(optimizer))

    def step_ended(self) -> None:
        """Hand on the numbers of the iteration."""
        values = [float(value) for value in self._values]
        loss = sum(values) if values else math.nan
        if values and not math.isfinite(loss):
            loss = math.inf  # NaN stands for no loss at all
        total = self.conductor.loader_feed.waited
        self.conductor.measured(
            loss,
            self.losses.score(),
            total - self._waited,
            finite=math.isfinite(loss),
            objectives=max(1, min(len(self._stepped), self._passes)),
        )
        self._values, self._passes, self._stepped, self._waited = [], 0, set(), total
