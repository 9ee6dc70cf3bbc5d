"""Does a step go down the gradient or up?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from nndoctor.fingerprint import strided
from nndoctor.records import OBSERVE
from nndoctor.records.objective import StepDirection
from nndoctor.session import Listener, Pass, Session

if TYPE_CHECKING:
    from torch import Tensor

    from nndoctor.conductor import Conductor

MOST_TENSORS = 64
MOST_VALUES = 256
"""Of each tensor, at an even stride."""


class Direction(Listener):
    """Records `StepDirection`."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self._passes = 0
        self._before: list[tuple[Tensor, Tensor, Tensor]] = []
        """Parameter, a sample of its values and of its gradient, just after the backward pass."""
        self._maximize = False

    def backward_ended(self, this: Pass) -> None:
        """Remember values and gradients, if this is the only pass of the step."""
        if self.session.experiment != OBSERVE or not self.session.sampled:
            return
        self._passes += 1
        self._before = []
        if self._passes > 1 or this.failed:
            return
        trained = [p for p in self.conductor.owned.trained_tensors() if self._usable(p)]
        for tensor in trained[:MOST_TENSORS]:
            gradient = tensor.grad
            assert gradient is not None
            value, slope = strided(tensor, MOST_VALUES).clone(), strided(gradient, MOST_VALUES).clone()
            self._before.append((tensor, value, slope))

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Note what the optimizer was built for."""
        self._maximize |= any(bool(group.get("maximize")) for group in optimizer.param_groups)

    def step_ended(self) -> None:
        """Compare the change with the gradient."""
        before, self._before, self._passes = self._before, [], 0
        maximize, self._maximize = self._maximize, False
        if not before:
            return
        moves = [(strided(t, MOST_VALUES) - value).float() for t, value, _ in before]
        move = torch.cat(moves)
        slope = torch.cat([gradient.float() for _, _, gradient in before])
        size = float(move.norm()) * float(slope.norm())
        if size > 0 and math.isfinite(size):
            self.session.add(StepDirection(cosine=float(move @ slope) / size, maximize=maximize))

    def new_data(self) -> None:
        """Whatever is held belongs to what was before."""
        self._before, self._passes = [], 0

    def _usable(self, tensor: Tensor) -> bool:
        gradient = tensor.grad
        if gradient is None or gradient.is_sparse or tensor.is_complex() or not tensor.numel():
            return False
        return tensor.shape == gradient.shape and self.session.names.parameter(tensor) is not None
