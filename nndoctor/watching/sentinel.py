"""A look at one small gradient before every step of an optimizer: a NaN in a backward pass reaches the first layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndoctor.watching.replay import finite

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 4096
"""Of the parameters of no more values, the first one's gradient is looked at."""


def sentinel_of(optimizer: Any) -> Tensor | None:
    """Return the parameter whose gradient is looked at; None where the optimizer holds no real numbers."""
    held: list[Tensor] = [p for g in optimizer.param_groups for p in g["params"] if p.is_floating_point()]
    small = next((p for p in held if p.numel() <= SMALL and p.requires_grad), None)
    return held[0] if small is None and held else small


def is_sound(parameter: Tensor | None, *, wait: bool) -> bool:
    """Whether its gradient is finite, as far as it is known. `wait`: also on an accelerator, which is waited for."""
    gradient = None if parameter is None else parameter.grad
    if gradient is None or not (gradient.is_cpu or wait):
        return True
    try:
        # A product takes half the time of a sum.
        number = (gradient.dot(gradient) if gradient.dim() == 1 else gradient.sum()).item()
    except RuntimeError:  # a sparse one has no products
        return True
    return number - number == 0.0 or finite(gradient)
