"""Bounded samples of the tensors of one step: activations, gradients, weights and updates.

Taking them is all that happens inside the user's step: a copy of some values of each tensor, joined to one flat vector.
What the values amount to is worked out later, for many steps at once (`figures`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndoctor.names import Names

SAMPLE = 256
"""Values looked at in each tensor: their std is then known to about 5 per cent."""
MOST_MODULES = 3000
PLAIN = (Tensor, nn.Parameter)
STRIDED = torch.strided


class Column(NamedTuple):
    """What a run of values in a sample is called in the recording."""

    kind: str
    name: str
    numel: int
    length: int
    type: str = ""
    order: int = 0


class Taken(NamedTuple):
    """The samples of one step on one device, one after the other."""

    segment: int
    step: int
    columns: tuple[Column, ...]
    values: Tensor


def values_of(tensor: Tensor) -> Tensor | None:
    """Return a flat view (or copy) of at most `SAMPLE` values, evenly spread; None where there are none."""
    if type(tensor) in PLAIN and tensor.layout is STRIDED and tensor.is_contiguous() and not tensor.is_meta:
        if not tensor.is_floating_point():
            return None
        count = tensor.numel()
        if count > SAMPLE:
            return tensor.as_strided((SAMPLE,), (_stride(count),))
        return (tensor if tensor.dim() == 1 else tensor.view(-1)) if count else None
    if hasattr(tensor, "to_local"):  # a DTensor: what this rank holds of it
        tensor = tensor.to_local()
    if tensor.is_sparse:
        tensor = tensor.detach().coalesce().values()
    if not tensor.is_floating_point() or tensor.numel() == 0 or tensor.is_meta:
        return None
    flat = tensor.detach().reshape(-1)
    return flat[:: _stride(len(flat))][:SAMPLE] if len(flat) > SAMPLE else flat


def _stride(count: int) -> int:
    """Return an odd stride: an even one would mostly stay in the same column of a matrix."""
    stride = count // SAMPLE
    return stride - 1 + stride % 2


class Sampler:
    """Takes the samples of one step after the other."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.orders: dict[str, int] = {}
        """Positions in the forward pass of the modules seen in this step."""
        self.changed: bool | None = None
        """Whether the optimizers changed a parameter in this step, as far as the sample shows; None: not measured."""
        self._pieces: list[tuple[tuple[Column, ...], Tensor]] = []
        self._before: tuple[list[int], Tensor] | None = None
        self._modules: WeakKeyDictionary[nn.Module, Column] = WeakKeyDictionary()
        self._parameters: WeakKeyDictionary[Any, tuple[list[int], list[str]]] = WeakKeyDictionary()
        self._columns: dict[tuple[str, int], tuple[list[str], list[int], tuple[Column, ...]]] = {}
        """By kind and identity of the list of names, which is kept here, so that no other one can have it."""

    def clear(self) -> None:
        """Begin a step."""
        self.orders = {}
        self.changed = None
        self._pieces.clear()
        self._before = None

    def activation(self, module: nn.Module, output: Any) -> None:
        """Take some of a module's output, at its first call in this step."""
        order = len(self.orders)
        known = self._modules.get(module)
        name = known.name if known is not None else self.names.path(module)
        if name in self.orders or order >= MOST_MODULES or _transformed():
            return
        self.orders[name] = order
        first = output if isinstance(output, Tensor) else next((t for _, t in leaves(output)), None)
        values = None if first is None else values_of(first.detach())
        if first is None or values is None:
            return
        numel = first.numel()
        if known is None or known.numel != numel or known.order != order:
            kind = type(module).__name__
            known = self._modules[module] = Column("activation", name, numel, values.numel(), kind, order)
        self._pieces.append(((known,), values.clone() if values.dtype is torch.float32 else values.float()))

    @torch.no_grad()
    def before(self, optimizer: Any) -> None:
        """Take gradients, and the weights that they are about to change."""
        held, names = self._held(optimizer)
        gradients = [None if (g := p.grad) is None else values_of(g) for p in held]
        self._join("gradient", names, held, gradients)
        views = [values_of(p) for p in held]
        known = [v for v in views if v is not None]
        self._before = (_lengths(views), _flat(known)) if known and _devices(known) == 1 else None

    @torch.no_grad()
    def after(self, optimizer: Any) -> None:
        """Take the weights after the step, and by how much they changed."""
        before, self._before = self._before, None
        held, names = self._held(optimizer)
        views = [values_of(p) for p in held]
        known = [v for v in views if v is not None]
        if before is None or not known or _devices(known) != 1 or before[0] != _lengths(views):
            return
        weights = _flat(known)
        for kind, flat in (("weight", weights), ("update", weights - before[1])):
            self._pieces.append((self._named(kind, names, held, views), flat))
        self.changed = bool(self.changed) or not torch.equal(weights, before[1])

    def taken(self, segment: int, step: int) -> list[Taken]:
        """Return what was taken in this step, device by device."""
        devices: defaultdict[torch.device, list[tuple[tuple[Column, ...], Tensor]]] = defaultdict(list)
        for piece in self._pieces:
            devices[piece[1].device].append(piece)
        return [
            Taken(segment, step, tuple(c for columns, _ in found for c in columns), torch.cat([v for _, v in found]))
            for found in devices.values()
        ]

    def parameters(self, optimizer: Any) -> Iterable[tuple[str, Tensor]]:
        """Return what an optimizer holds, by name."""
        held, names = self._held(optimizer)
        return zip(names, held, strict=True)

    def _held(self, optimizer: Any) -> tuple[list[Tensor], list[str]]:
        held = [p for group in optimizer.param_groups for p in group["params"]]
        ids = list(map(id, held))
        known = self._parameters.get(optimizer)
        if known is None or known[0] != ids:
            prefix = self.names.numbered(optimizer)
            paths = [self.names.parameter(p) for p in held]
            names = [path[0] if path else f"{prefix}.{i}" for i, path in enumerate(paths)]
            known = self._parameters[optimizer] = (ids, names)
        return held, known[1]

    def _join(self, kind: str, names: list[str], held: list[Tensor], views: Sequence[Tensor | None]) -> None:
        known = [v for v in views if v is not None]
        if known and _devices(known) == 1:
            self._pieces.append((self._named(kind, names, held, views), _flat(known)))
            return
        for name, parameter, view in zip(names, held, views, strict=True):
            if view is not None:
                self._pieces.append(((Column(kind, name, parameter.numel(), len(view)),), _flat([view])))

    def _named(
        self, kind: str, names: list[str], held: list[Tensor], views: Sequence[Tensor | None]
    ) -> tuple[Column, ...]:
        lengths, key = _lengths(views), (kind, id(names))
        known = self._columns.get(key)
        if known is None or known[1] != lengths:
            columns = tuple(
                Column(kind, name, parameter.numel(), length)
                for name, parameter, length in zip(names, held, lengths, strict=True)
                if length
            )
            known = self._columns[key] = (names, lengths, columns)
        return known[2]


def _flat(views: list[Tensor]) -> Tensor:
    joined = torch.cat(views)
    return joined if joined.dtype is torch.float32 else joined.float()


def _devices(tensors: Iterable[Tensor]) -> int:
    return len({tensor.get_device() for tensor in tensors})


def _lengths(views: Sequence[Tensor | None]) -> list[int]:
    return [0 if v is None else len(v) for v in views]


def _transformed() -> bool:
    """Whether a transformation of torch.func runs: its tensors hold no values of their own."""
    found: bool = torch._C._functorch.peek_interpreter_stack() is not None
    return found
