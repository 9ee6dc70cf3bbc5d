"""The only place that replaces anything of torch or of Python; it remembers what it replaced and puts it back."""

from __future__ import annotations

from contextlib import suppress
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_MISSING = object()


class Patches:
    """A stack of replaced attributes. Use as a context manager, or call `undo`."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute and remember what was in its place (or that it was inherited)."""
        self._replaced.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, value)

    def wrap(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Replace a function by `make(original)`, which keeps the original's name and documentation."""
        original = getattr(owner, name)
        self.replace(owner, name, update_wrapper(make(original), original))

    def undo(self) -> None:
        """Put everything back, the latest replacement first."""
        while self._replaced:
            owner, name, original = self._replaced.pop()
            with suppress(AttributeError):
                if original is _MISSING:
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()
