"""Loops without a DataLoader: the diet is served at the call, where outside tensors enter the graph.

Two doors are watched: the arguments of the outermost module's call that carry no gradient, and, outside of all
modules, arguments without a gradient that meet one with it (the targets of a hand-written loss, the inputs of a
network without modules). A tensor is known by its position in the iteration's sequence of calls.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.feeds.tree import replaced

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor
    from nndoctor.session import Call

Slot = tuple[str, int, str]
"""Module or function name, how many times it was called before in this iteration, path of the argument."""


class CallFeed:
    """Serves tensors to loops that make their batches by themselves."""

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor
        self.slots: dict[Slot, Tensor] = {}
        """The tensors that entered in the current iteration: copies of them, while they are being recorded."""
        self._counts: defaultdict[str, int] = defaultdict(int)

    def begin(self) -> None:
        """A new iteration begins."""
        self.slots = {}
        self._counts.clear()

    def module(self, call: Call, name: str) -> None:
        """Exchange the arguments of an outermost call in place."""
        number = self._number(f"call {name}")

        def change(path: str, tensor: Tensor) -> Tensor:
            return self._served((f"call {name}", number, path), tensor)

        call.args = replaced(call.args, change)
        call.kwargs = replaced(call.kwargs, change)

    def function(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Return the arguments of a function outside of all modules, exchanged where data meets the graph."""
        tensors = [t for t in (*args, *kwargs.values()) if isinstance(t, Tensor)]
        graph = [t for t in tensors if t.requires_grad]
        if not graph or (len(graph) == len(tensors) and not _indexed(name, args)):
            return args, kwargs
        number = self._number(f"op {name}")

        def change(path: str, tensor: Tensor) -> Tensor:
            if tensor.requires_grad or tensor.dim() == 0:
                return tensor
            return self._served((f"op {name}", number, path), tensor)

        return replaced(args, change), replaced(kwargs, change)

    def _number(self, name: str) -> int:
        number = self._counts[name]
        self._counts[name] += 1
        return number

    def _served(self, slot: Slot, tensor: Tensor) -> Tensor:
        """Record a tensor while observing, and put the recorded one in its place on a diet."""
        if tensor.requires_grad or tensor.dim() == 0:
            return tensor
        conductor = self.conductor
        tensor = conductor.substitute(slot, tensor)
        if conductor.records_slots():
            self.slots[slot] = tensor.detach().clone()
        conductor.slot_served(slot, tensor)
        return tensor


def find(slots: dict[Slot, Tensor], slot: Slot, like: Tensor) -> Tensor | None:
    """Return what was recorded in a slot. A closure evaluated more often than when recorded gets its last tensors."""
    name, number, path = slot
    for earlier in range(number, -1, -1):
        found = slots.get((name, earlier, path))
        if found is not None and found.dtype == like.dtype and found.dim() == like.dim():
            return found
    return None


def _indexed(name: str, args: tuple[Any, ...]) -> bool:
    """Whether the call picks entries by index tensors: `log_probabilities[range(n), y]`."""
    return name == "__getitem__" and len(args) > 1 and isinstance(args[1], tuple | torch.Tensor)
