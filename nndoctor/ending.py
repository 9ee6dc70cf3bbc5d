"""The end of a check: the script coasts for a while, its epochs cut short, and is then stopped from inside."""

from __future__ import annotations

import time
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from nndoctor.records import Event
from nndoctor.session import PatientStop, Session

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

COAST_BATCHES = 2
"""Batches of the training loader in each later epoch: enough to see in which mode it trains now."""
COAST_SHARE = 0.07
"""Share of the budget for what the script does after the experiments."""
STUBBORN = 50
"""How often a script may swallow the stop before its process is ended."""


class Ending:
    """Knows whether the script is to end, and makes it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.ordered = False
        """The script has been told to stop."""
        self.on_stubborn: Callable[[], None] = lambda: None
        self._swallowed = 0
        self.seconds = max(1.0, COAST_SHARE * session.config.budget)
        """For how long the script may coast."""
        self._began = 0.0
        self._cut_epoch = False

    def coast(self) -> None:
        """The experiments are over: the epoch that they ran in ends, and the script goes on for a while."""
        self._began = time.monotonic()
        self._cut_epoch = True

    def ends_epoch(self, served: int) -> bool:
        """Whether a pass of the training loader ends here, `served` batches into it."""
        ends = served > 0 and (self._cut_epoch or served >= COAST_BATCHES)
        self._cut_epoch = False
        return ends

    def stop_if_overdue(self) -> None:
        """Stop a script that has coasted long enough."""
        if time.monotonic() - self._began > self.seconds:
            self.stop("the time for what follows the experiments was over")

    def stop(self, why: str) -> None:
        """End the script. Raises `PatientStop`."""
        if not self.ordered:
            self.ordered = True
            self.session.add(Event(kind="stopped", text=why))
        self.insist()

    def insist(self) -> None:
        """Raise the stop in a script that was told before; end the process if it will not hear."""
        if not self.ordered:
            return
        self._swallowed += 1
        if self._swallowed > STUBBORN:
            self.on_stubborn()
        raise PatientStop


def ours(method: Callable[P, T]) -> Callable[P, T]:
    """Keep an exception of the conductor's from the script: note it, and end a run that can no longer be judged."""

    @wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except StopIteration:
            raise
        except Exception as error:
            conductor: Any = args[0]
            conductor.session.failed(method.__name__, error)
            conductor.ending.stop("an instrument of nndoctor failed")
            raise

    return guarded
