"""The state of a training: saved once, restored in place between experiments.

Holds values of parameters, buffers and other leaves, gradients, modes, optimizers, schedulers, scalers and the random
generators. Restoring writes into the same tensors, because the user's code and optimizers hold references to them.
"""

from __future__ import annotations

import copy
import random
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class RandomState:
    """The state of every global random generator. Saving and restoring it draws nothing."""

    def __init__(self) -> None:
        self.python = random.getstate()
        self.numpy = np.random.get_state()  # noqa: NPY002 - the global stream is the user's
        self.torch = torch.get_rng_state()
        in_use = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        self.cuda = torch.cuda.get_rng_state_all() if in_use else None

    def restore(self) -> None:
        """Set the generators back."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002 - as above
        torch.set_rng_state(self.torch)
        if self.cuda is not None:
            torch.cuda.set_rng_state_all(self.cuda)


class Snapshot:
    """Everything that one training step can change, at one moment."""

    def __init__(
        self,
        tensors: list[Tensor],
        modules: list[nn.Module],
        optimizers: list[torch.optim.Optimizer],
        stateful: list[Any],
    ) -> None:
        """Copy the values. `stateful` are schedulers and scalers (anything with state_dict and load_state_dict)."""
        self._tensors: dict[int, tuple[Tensor, Tensor, Tensor | None]] = {}
        self.extend(tensors)
        self._modes = [(module, module.training) for module in modules]
        self._optimizers = [(o, _copied_state(o), _copied_groups(o)) for o in optimizers]
        self._stateful = [(thing, copy.deepcopy(_plain_state(thing))) for thing in stateful]
        self._random = RandomState()

    def extend(self, tensors: list[Tensor]) -> None:
        """Add tensors that were not known when the snapshot was taken. Their values must not have changed since."""
        for tensor in tensors:
            if id(tensor) not in self._tensors and not _unmaterialised(tensor):
                gradient = None if tensor.grad is None else tensor.grad.detach().clone()
                self._tensors[id(tensor)] = (tensor, tensor.detach().clone(), gradient)

    def value(self, tensor: Tensor) -> Tensor | None:
        """Return the saved value of a tensor, None if it was not known."""
        entry = self._tensors.get(id(tensor))
        return None if entry is None else entry[1]

    def restore(self) -> None:
        """Write everything back in place."""
        with torch.no_grad():
            for tensor, value, gradient in self._tensors.values():
                if tensor.shape == value.shape:
                    tensor.data.copy_(value)
                else:
                    tensor.data = value.clone()
                tensor.grad = None if gradient is None else gradient.clone().to(tensor.dtype)
        for module, training in self._modes:
            module.training = training
        for optimizer, state, groups in self._optimizers:
            optimizer.state.clear()
            optimizer.state.update(_cloned(state))
            for group, saved in zip(optimizer.param_groups, groups, strict=False):
                group.update(_cloned(saved))
        for thing, state in self._stateful:
            with suppress(Exception):  # a scheduler of the user's own may not take back what it gave
                thing.load_state_dict(copy.deepcopy(state))
        self._random.restore()


def _unmaterialised(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.parameter.UninitializedParameter | nn.parameter.UninitializedBuffer) or tensor.is_meta


def _copied_state(optimizer: torch.optim.Optimizer) -> dict[Any, Any]:
    return {key: _cloned(value) for key, value in optimizer.state.items()}


def _copied_groups(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    return [{k: _cloned(v) for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


def _plain_state(thing: Any) -> Any:
    try:
        return thing.state_dict()
    except Exception:  # noqa: BLE001 - the user's own class; without a state it is left as it is
        return {}


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _cloned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cloned(item) for item in value]
    return value
