"""Where the training runs, and how often a compiled model would have to be compiled again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.places import user_place
from nndoctor.records import OBSERVE, CompiledCalls, Devices
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor

LIMIT = 8
"""`torch._dynamo.config.recompile_limit` by default; asking for it would import the compiler."""


class Speed(Listener):
    """Records `Devices` and `CompiledCalls`."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self._rows: WeakKeyDictionary[nn.Module, CompiledCalls] = WeakKeyDictionary()
        self._seen: WeakKeyDictionary[nn.Module, tuple[set[Any], set[Any], int]] = WeakKeyDictionary()

    def compiled(self, model: Any, options: dict[str, Any]) -> None:
        """A model was given to `torch.compile`, which returned `model`."""
        if isinstance(model, nn.Module):
            file, line, function = user_place()
            self._rows[model] = CompiledCalls(
                dynamic=str(options.get("dynamic")),
                mode=str(options.get("mode") or ""),
                limit=LIMIT,
                file=file,
                line=line,
                function=function,
            )

    def module_done(self, call: Call, _output: Any) -> None:
        """Note what a compiled model was called with."""
        if not self._rows or call.module not in self._rows or self.session.experiment != OBSERVE:
            return
        shapes, kinds, calls = self._seen.get(call.module, (set(), set(), 0))
        arguments = (call.args, call.kwargs)
        shapes.add(tuple((path, *tensor.shape) for path, tensor in leaves(arguments)))
        kinds.add((_kind(call.args), _kind(call.kwargs), call.module.training, call.grad))
        self._seen[call.module] = (shapes, kinds, calls + 1)

    def diet_ended(self, name: str) -> None:
        """Record what `observe` has shown."""
        if name != OBSERVE:
            return
        on = sorted({tensor.device.type for tensor in self.conductor.owned.trained_tensors()})
        self.session.add(Devices(trained_on=tuple(on), available=accelerator()))
        for module, (shapes, kinds, calls) in self._seen.items():
            self.session.add(
                _counted(
                    self._rows[module],
                    self.session.names.path(getattr(module, "_orig_mod", module)),
                    len(shapes),
                    len(kinds),
                    calls,
                )
            )
        self._seen.clear()


def _counted(row: CompiledCalls, module: str, shapes: int, kinds: int, calls: int) -> CompiledCalls:
    return CompiledCalls(
        module=module, dynamic=row.dynamic, mode=row.mode, limit=row.limit, calls=calls, shapes=shapes, kinds=kinds,
        file=row.file, line=row.line, function=row.function,
    )  # fmt: skip


def _kind(value: Any) -> Any:
    """Return what a compiled function is specialised on, sizes and numbers left out: those become variables."""
    if isinstance(value, Tensor):
        return (value.dim(), value.dtype, value.device.type, value.requires_grad)
    if isinstance(value, tuple | list):
        return (type(value).__name__, *map(_kind, value))
    if isinstance(value, dict):
        return tuple((str(key), _kind(item)) for key, item in value.items())
    if isinstance(value, str | bool) or value is None:
        return value
    return type(value).__name__


def accelerator() -> str:
    """Return the kind of device that torch sees beside the CPU, empty for none."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else ""
