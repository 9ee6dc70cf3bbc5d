"""Which steps are sampled: as many as the allowed overhead pays for, measured while the training runs."""

from __future__ import annotations

import math

FIRST = 5
"""Steps at the beginning that are sampled in any case: most faults show there."""
RESERVED = 0.4
"""Share of the overhead kept for what no clock of ours sees: frames around calls, and caches that are colder."""
LEAST = 0.1
"""Share of the overhead that goes into sampled steps, also where the other steps have used it up."""
SMOOTHING = 0.1
LONGEST = 10_000


class Pace:
    """Decides on the next sampled step. `overhead` is a share: 0.03 is three per cent; infinite samples every step."""

    __slots__ = ("_extra", "_fixed", "_overhead", "_plain", "next_step", "own", "rested", "seconds", "selective")

    def __init__(self, overhead: float) -> None:
        self._overhead = overhead
        self.selective = not math.isinf(overhead)
        """Some steps are not sampled."""
        self._plain = math.nan
        """Seconds of a step without us, of what we do on every step, and of what a sampled one takes in addition."""
        self._fixed = 0.0
        self._extra = math.nan
        self.next_step = 0
        """The next sampled step."""
        self.rested = 0
        """Steps since the last sampled one, their seconds, and how many of these were ours: added to from outside."""
        self.seconds = 0.0
        self.own = 0.0

    def is_sampled(self, step: int) -> bool:
        """Whether a step is looked at closely."""
        return step >= self.next_step

    def ended(self, step: int, seconds: float, instruments: float, *, sampled: bool) -> None:
        """Take in how long a step took in all, and how much of it the instruments took, now or later."""
        if not sampled:  # of these there are many: they are only added up
            self.rested, self.seconds, self.own = self.rested + 1, self.seconds + seconds, self.own + instruments
            return
        if self.rested:
            self._rest()
        # The first step builds the optimizer's state and warms up kernels: it tells nothing about the others.
        if step > 0:
            if step < FIRST:
                self._plain = _smoothed(self._plain, max(seconds - instruments, 1e-6))
            self._extra = _smoothed(self._extra, max(instruments - self._fixed, 0.0))
        # At most twice as far as it has come: at the beginning more happens, and less is known of the cost.
        self.next_step = step + (min(self.interval, step) if step >= FIRST else 1)

    def _rest(self) -> None:
        own = self.own / self.rested
        self._plain = _smoothed(self._plain, max(self.seconds / self.rested - own, 1e-6), self.rested)
        self._fixed = _smoothed(self._fixed or math.nan, own, self.rested)
        self.rested, self.seconds, self.own = 0, 0.0, 0.0

    @property
    def interval(self) -> int:
        """Steps from one sampled step to the next."""
        allowed = self._overhead * (1 - RESERVED) * self._plain
        if not (allowed > 0 and self._extra >= 0) or math.isinf(allowed):
            return 1
        left = max(allowed - self._fixed, LEAST * allowed)
        return min(LONGEST, max(1, math.ceil(self._extra / left)))


def _smoothed(old: float, new: float, times: int = 1) -> float:
    """Return the average that forgets, after `times` further values of this mean."""
    return new if math.isnan(old) else new + (old - new) * (1 - SMOOTHING) ** times
