"""One step of an optimizer can be several for torch: a subclass's `step` that calls its base's runs the hooks twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import FrameType


class _Running(NamedTuple):
    optimizer: Any
    frame: FrameType
    own: bool


class Nesting:
    """Tells the steps that a loop makes from those that an optimizer makes of itself, inside of them."""

    def __init__(self) -> None:
        self._running: list[_Running] = []

    @property
    def inside(self) -> bool:
        """An optimizer is at its step, or its step has raised and no other has begun since."""
        return bool(self._running)

    def enters(self, optimizer: Any, frame: FrameType) -> bool:
        """Whether the step that begins is the loop's own. `frame`: one that runs until the step has ended."""
        if self._running:  # a step that raised never leaves
            alive = _below(frame)
            self._running = [each for each in self._running if any(each.frame is f for f in alive)]
        own = all(each.optimizer is not optimizer for each in self._running)
        self._running.append(_Running(optimizer, frame, own))
        return own

    def leaves(self, optimizer: Any) -> bool:
        """Whether the step that has ended is the loop's own."""
        while self._running:
            latest = self._running.pop()
            if latest.optimizer is optimizer:
                return latest.own
        return True


def _below(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found
