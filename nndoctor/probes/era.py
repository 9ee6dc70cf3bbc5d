"""What is training and what is validation: known only afterwards, by whether a backward pass followed.

An era is what runs between two requests for data (or two iterations). If a backward pass or an optimizer step happened
in it, it was a training iteration, save what ran without gradients after its last step (or, in loops without a loader,
before its first differentiable call): the script's own evaluation. An era without either is validation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.records import TRAIN, VALIDATION
from nndoctor.session import Call, Listener, Pass, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from nndoctor.conductor import Conductor

BEFORE, WITHIN, AFTER = range(3)


class Era(Listener):
    """Collects what happens as callbacks, and calls each with its split when the era is over."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self._trained = False
        self._phase = BEFORE
        self._held: list[tuple[Callable[[str], None], int, bool]] = []

    def hold(self, tell: Callable[[str], None], *, grad: bool) -> None:
        """Call `tell(split)` once it is known. `grad`: gradients were enabled."""
        self._held.append((tell, self._phase, grad))

    def outer_call(self, call: Call) -> None:
        """The first differentiable call opens the iteration proper."""
        if call.grad and self._phase == BEFORE:
            self._phase = WITHIN

    def backward_begins(self, this: Pass) -> None:
        """All that was held so far led to this backward pass."""
        self._trained = True
        self._held = [(tell, WITHIN if phase == AFTER else phase, grad) for tell, phase, grad in self._held]
        self._phase = AFTER

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """A step without a backward pass makes it training too."""
        self._trained = True
        self._phase = AFTER

    def step_ended(self) -> None:
        """The iteration is complete."""
        self._settle()

    def new_data(self) -> None:
        """The era ends."""
        self._settle()

    def broken_off(self) -> None:
        """The script ended in the middle: what was held can no longer be told apart."""
        self._held = []

    def _settle(self) -> None:
        held, trained = self._held, self._trained
        self._held, self._trained, self._phase = [], False, BEFORE
        for tell, phase, grad in held:
            outside = phase == AFTER or (phase == BEFORE and self.conductor.feed == "call")
            tell(VALIDATION if not trained or (outside and not grad) else TRAIN)
