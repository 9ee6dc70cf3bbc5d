"""Norms of gradients, computed once for every state of a gradient: asked often in a step, they rarely change."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


class Gradients:
    """Remembers the norm of each tensor's gradient, together with the version of the gradient that it is of."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[Tensor], int, float]] = {}

    def norms(self, tensors: Iterable[Tensor]) -> dict[int, float]:
        """Return the norm of the gradient by id of the tensor; those without a gradient are left out."""
        found: dict[int, float] = {}
        fresh: list[tuple[int, Tensor]] = []
        for tensor in tensors:
            gradient = tensor.grad
            if gradient is None:
                continue
            known = self._known.get(id(tensor))
            if known is not None and known[0]() is gradient and known[1] == gradient._version:
                found[id(tensor)] = known[2]
            else:
                fresh.append((id(tensor), gradient))
        if fresh:
            dense = [g.coalesce()._values() if g.is_sparse else g for _, g in fresh]
            for (key, gradient), norm in zip(fresh, torch._foreach_norm(dense), strict=True):
                found[key] = float(norm)
                self._known[key] = (ref(gradient), gradient._version, found[key])
        return found

    def alive(self, tensors: Iterable[Tensor]) -> set[int]:
        """Return the ids of the tensors whose gradient is not zero; NaN counts as a gradient."""
        return {key for key, norm in self.norms(tensors).items() if norm != 0.0}
