"""Learning rates under a diet, changed for the duration of one optimizer step and put back after it.

In that way a loop that sets its rate by hand in every iteration is reached too, and the script never sees our value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nndoctor.experiments.diet import Diet


class Rates:
    """What the learning rate of each group is to be in the current diet."""

    def __init__(self) -> None:
        self._factor = 1.0
        self._by_step: Callable[[int], float] | None = None
        self._peaks: WeakKeyDictionary[torch.optim.Optimizer, list[float]] = WeakKeyDictionary()
        self._own: list[Any] | None = None

    def begin(self, diet: Diet, optimizers: Iterable[torch.optim.Optimizer]) -> None:
        """Take over a diet's wishes. The peak of a schedule is what it was built for, or what is in effect now."""
        self._factor = diet.lr_factor
        self._by_step = diet.rate
        self._peaks.clear()
        if diet.peak_lr:
            for optimizer in optimizers:
                self._peaks[optimizer] = [_peak(group) for group in getattr(optimizer, "param_groups", [])]

    def end(self) -> None:
        """Leave the rates alone from now on."""
        self._factor = 1.0
        self._by_step = None
        self._peaks.clear()

    def apply(self, optimizer: torch.optim.Optimizer, step: int = 0) -> None:
        """Set the rates for one step of the optimizer in the iteration `step`."""
        self._own = None
        factor = self._factor * (1.0 if self._by_step is None else self._by_step(step))
        if factor == 1.0 and optimizer not in self._peaks:
            return
        groups = optimizer.param_groups
        self._own = [group.get("lr") for group in groups]
        peaks = self._peaks.get(optimizer, [])
        for i, (group, rate) in enumerate(zip(groups, self._own, strict=True)):
            if rate is not None:
                held = max(float(rate), peaks[i]) if i < len(peaks) and _scheduled(group) else rate
                group["lr"] = held * factor

    def take_back(self, optimizer: torch.optim.Optimizer) -> None:
        """Put the script's own rates back."""
        if self._own is None:
            return
        for group, rate in zip(optimizer.param_groups, self._own, strict=True):
            if rate is not None:
                group["lr"] = rate
        self._own = None


def highest_rate(optimizers: Iterable[torch.optim.Optimizer]) -> float:
    """Return the highest learning rate that any group has or is scheduled to reach, 0.0 without one."""
    groups = (group for optimizer in optimizers for group in getattr(optimizer, "param_groups", []))
    return max(map(_peak, groups), default=0.0)


def _scheduled(group: dict[str, Any]) -> bool:
    return "initial_lr" in group


def _peak(group: dict[str, Any]) -> float:
    rates = (group.get("lr"), group.get("initial_lr"), group.get("max_lr"))
    return max((float(rate) for rate in rates if isinstance(rate, int | float | torch.Tensor)), default=0.0)
