"""The latest call of every outermost module, so that it can be repeated between two experiments."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nndoctor.feeds.state import RandomState
from nndoctor.feeds.tree import leaves
from nndoctor.records import OBSERVE
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Generator


class LatestCalls(Listener):
    """Keeps the arguments of the latest training call of every model."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.calls: dict[str, Call] = {}

    def outer_call(self, call: Call) -> None:
        """Remember the call."""
        if call.grad and self.session.experiment == OBSERVE and next(call.module.parameters(), None) is not None:
            self.calls[self.session.names.path(call.module)] = call

    def forget(self) -> None:
        """Let go of the tensors."""
        self.calls.clear()


@contextmanager
def undisturbed(root: nn.Module) -> Generator[None]:
    """Call a model at will: modes, buffers and random generators are put back afterwards."""
    random = RandomState()
    modes = [(module, module.training) for module in root.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in root.buffers()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for buffer, value in buffers:
            if buffer.shape == value.shape:
                buffer.data.copy_(value)
        random.restore()


def set_mode(root: nn.Module, *, training: bool) -> None:
    """Switch all modules of a model, without the user's own `train` or `eval` methods."""
    for module in root.modules():
        module.training = training


def outputs(root: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], seed: RandomState) -> list[Tensor]:
    """Return the floating-point tensors that a call gives, with the same random numbers every time."""
    return numbers(results(root, args, kwargs, seed))


def results(root: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], seed: RandomState) -> list[Tensor]:
    """Return all tensors that a call gives, with the same random numbers every time."""
    seed.restore()
    with torch.no_grad():
        return [tensor.detach() for _, tensor in leaves(root(*args, **kwargs))]


def numbers(tensors: list[Tensor]) -> list[Tensor]:
    """Return the floating-point ones."""
    return [tensor.float() for tensor in tensors if tensor.is_floating_point()]


def difference(one: list[Tensor], other: list[Tensor]) -> float:
    """Return the norm of the difference relative to the norm of `other`; NaN for outputs of different shapes."""
    if len(one) != len(other) or any(a.shape != b.shape for a, b in zip(one, other, strict=False)):
        return float("nan")
    gap: float = sum(float((a - b).norm()) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
    size: float = sum(float(b.norm()) ** 2 for b in other) ** 0.5
    return gap / size if size > 0 else gap
