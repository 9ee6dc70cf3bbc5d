"""A mapping from live objects, asked by `id`: a `WeakKeyDictionary` makes five calls where this makes one in C."""

from __future__ import annotations

from typing import Any, Generic, TypeVar
from weakref import ref

V = TypeVar("V")


class ByIdentity(dict[int, V], Generic[V]):
    """By `id(thing)` a value, as long as the thing lives: before its id can be another's, the entry is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._things: dict[int, ref[Any]] = {}

    def put(self, thing: Any, value: V) -> None:
        """Remember a value for a thing, and the thing weakly."""
        key = id(thing)
        if key not in self._things:
            self._things[key] = ref(thing, lambda _gone: self._forget(key))
        self[key] = value

    def things(self) -> list[Any]:
        """Return what is known and alive, the earliest first."""
        found = [each() for each in list(self._things.values())]
        return [thing for thing in found if thing is not None]

    def _forget(self, key: int) -> None:
        self._things.pop(key, None)
        self.pop(key, None)
