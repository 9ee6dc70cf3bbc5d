"""What the conductor tells the probes of: each callback has one listener, and does nothing until it is set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from nndoctor.feeds.call import Slot
    from nndoctor.feeds.loader import Served


def _nothing(*_: object) -> None:
    """Take what nobody listens to."""


@dataclass
class Callbacks:
    """The places at which a probe may look."""

    on_batch: Callable[[Any, Served | None], None] = field(default=_nothing, init=False)
    on_slot: Callable[[Slot, Tensor], None] = field(default=_nothing, init=False)
    on_op: Callable[[str, tuple[Any, ...], dict[str, Any], Any], None] = field(default=_nothing, init=False)
    interesting: frozenset[str] = field(default=frozenset(), init=False)
    """Names of the functions that `on_op` is told of."""
    on_loader: Callable[[Served], None] = field(default=_nothing, init=False)
    on_read: Callable[[], None] = field(default=_nothing, init=False)
    on_compiled: Callable[[Any, dict[str, Any]], None] = field(default=_nothing, init=False)
    on_arguments: Callable[[str, tuple[Any, ...], dict[str, Any]], tuple[Any, Any]] | None = field(
        default=None, init=False
    )
