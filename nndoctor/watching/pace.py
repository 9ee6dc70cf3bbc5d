"""Which steps are sampled: as many as the allowed overhead pays for, measured while the training runs."""

from __future__ import annotations

import math

FIRST = 5
"""Steps at the beginning that are sampled in any case: most faults show there."""
RESERVED = 0.4
"""Share of the overhead that is kept for what happens on every step, and for writing to disk."""
SMOOTHING = 0.1
LONGEST = 10_000


class Pace:
    """Decides on the next sampled step. `overhead` is a share: 0.03 is three per cent; infinite samples every step."""

    def __init__(self, overhead: float) -> None:
        self._overhead = overhead
        self._plain = math.nan
        self._extra = math.nan
        self._next = 0

    def is_sampled(self, step: int) -> bool:
        """Whether a step is looked at closely."""
        return step < FIRST or step >= self._next or math.isinf(self._overhead)

    def ended(self, step: int, seconds: float, instruments: float, *, sampled: bool) -> None:
        """Take in how long a step took in all, and how much of it the instruments took."""
        bare = max(seconds - instruments, 1e-6)
        # The first step builds the optimizer's state and warms up kernels: it tells nothing about the others.
        if step > 0:
            self._plain = _smoothed(self._plain, bare)
            self._extra = _smoothed(self._extra, instruments) if sampled else self._extra
        if sampled:
            # At most twice as far as it has come: at the beginning more happens, and less is known of the cost.
            self._next = step + min(self.interval, max(1, step))

    @property
    def interval(self) -> int:
        """Steps from one sampled step to the next."""
        allowed = self._overhead * (1 - RESERVED)
        if not (self._plain > 0 and self._extra >= 0) or math.isinf(allowed):
            return 1
        return min(LONGEST, max(1, math.ceil(self._extra / (allowed * self._plain))))


def _smoothed(old: float, new: float) -> float:
    return new if math.isnan(old) else (1 - SMOOTHING) * old + SMOOTHING * new
