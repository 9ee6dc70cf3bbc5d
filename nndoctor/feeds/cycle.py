"""When is an iteration over, in a loop that asks no loader? When every optimizer that takes part has stepped.

Loops without a torch optimizer are told by their parameters: an iteration is over when they differ from what they were
after the backward pass. A loop that never changes anything is cut into iterations by its backward passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from nndoctor.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

MOST_PASSES_UNSTEPPED = 16
"""Backward passes without any step after which a loop is taken to never step."""
PATIENCE = 8
"""Steps of one optimizer after which another that has not stepped is taken to belong to a later phase."""


class Cycle:
    """Counts what happens in one iteration of a loop without a loader."""

    def __init__(self, trained: Callable[[], list[Tensor]]) -> None:
        """`trained` returns the tensors that training changes."""
        self._trained = trained
        self.begin_segment()

    def begin_segment(self) -> None:
        """Forget which optimizers take part."""
        self.counts: dict[int, int] = {}
        """Steps by id of the optimizer."""
        self.begin_iteration()

    def begin_iteration(self) -> None:
        """A new iteration begins."""
        self._stepped: set[int] = set()
        self._passes = 0
        self._after_backward: Tensor | None = None
        self.complete = False

    @property
    def most_steps(self) -> int:
        """How often the optimizer that stepped most has stepped."""
        return max(self.counts.values(), default=0)

    def stepped(self, optimizer: int, others: set[int], *, first_phase: bool) -> None:
        """An optimizer has stepped; `others` are the ids of all that exist."""
        self._stepped.add(optimizer)
        self.counts[optimizer] = self.counts.get(optimizer, 0) + 1
        self._passes = 0
        active = set(self.counts)
        if first_phase and self.most_steps < PATIENCE:
            active |= others
        self.complete = active <= self._stepped

    def passed(self) -> None:
        """A backward pass is complete; without optimizer hooks, note what the parameters are like now."""
        self._passes += 1
        if not self.counts:
            self._after_backward = fingerprint(self._trained())

    def over(self) -> bool:
        """Whether what begins now belongs to the next iteration."""
        if self.complete or self._passes >= MOST_PASSES_UNSTEPPED:
            return True
        if self._after_backward is None or self._stepped:
            return False
        now = fingerprint(self._trained())
        return now.shape != self._after_backward.shape or not torch.equal(now, self._after_backward)
