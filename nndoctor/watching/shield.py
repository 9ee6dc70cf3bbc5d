"""Keeps what fails in the monitor away from the training, and counts the time that the monitor takes."""

from __future__ import annotations

from functools import wraps
from time import perf_counter as clock
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.watching.monitor import Monitor

P = ParamSpec("P")
R = TypeVar("R")


def shielded(
    method: Callable[Concatenate[Monitor, P], R],
) -> Callable[Concatenate[Monitor, P], R | None]:
    """Let nothing out of a method of the monitor's: after a failure it is off, and the recording says so."""

    @wraps(method)
    def safe(self: Monitor, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        if self.off:
            return None
        began = self.entered = clock()
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the training must go on
            self.lost(method.__name__, error)
            return None
        finally:  # what was before the end of a step is already counted in that step
            self.own_seconds += clock() - max(began, self.settled)

    return safe
