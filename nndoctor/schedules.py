"""Learning-rate schedules that an observed loop has gone beyond.

Where the loop is given more batches than its loader has, a scheduler is stepped more often than the script would step
it. Some know their end (`OneCycleLR`); a function of the script's own, such as `(1 - step / total) ** 0.9`, does not,
and gives rates beyond it that nobody meant: negative or complex ones, or it raises.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTS = ("last_epoch", "_step_count", "_last_lr")
"""What a scheduler's step changes, besides the rates."""


class Schedules:
    """Which schedulers are over, and how one is stepped that may be."""

    def __init__(self) -> None:
        self._over: WeakSet[Any] = WeakSet()

    def is_over(self, scheduler: Any) -> bool:
        """Whether it has come to the end that it was built for."""
        total = getattr(scheduler, "total_steps", None)
        return scheduler in self._over or (isinstance(total, int) and getattr(scheduler, "last_epoch", 0) + 1 >= total)

    def step(self, scheduler: Any, make: Callable[[], Any]) -> Any:
        """Make a step that may be one too many; if its rates make no sense, or it raises, it is taken back.

        Raises what a scheduler's first step raises.
        """
        state = {name: value for name, value in vars(scheduler).items() if name in COUNTS}
        groups = list(getattr(getattr(scheduler, "optimizer", None), "param_groups", []))
        rates = [group.get("lr") for group in groups]
        try:
            result = make()
        except Exception:
            if not scheduler.last_epoch > 0:
                raise  # a first step is not one too many: the script has it wrong
            result = None
        else:
            if all(map(_makes_sense, (group.get("lr") for group in groups))):
                return result
        self._over.add(scheduler)
        vars(scheduler).update(state)
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        return None


def _makes_sense(rate: Any) -> bool:
    return not isinstance(rate, complex) and (rate is None or (math.isfinite(rate) and rate >= 0))
