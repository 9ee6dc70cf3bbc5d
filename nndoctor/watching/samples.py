"""Bounded samples of the tensors of one step: activations, gradients, weights and updates.

Taking them is all that happens inside the user's step: a copy of some values of each tensor, joined to one flat vector.
What the values amount to is worked out later, for many steps at once (`figures`).
"""

from __future__ import annotations

import math
from functools import lru_cache
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.watching.identity import ByIdentity

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
    """The samples of one step on one device, one after the other; a piece may hold those of several columns."""

    segment: int
    step: int
    columns: tuple[Column, ...]
    pieces: tuple[Tensor, ...]


def values_of(tensor: Tensor) -> Tensor | None:
    """Return a flat view (or copy) of at most `SAMPLE` values, evenly spread; None where there are none."""
    if type(tensor) in PLAIN and tensor.layout is STRIDED and tensor.is_contiguous() and not tensor.is_meta:
        if tensor.dtype is not torch.float32 and not tensor.is_floating_point():
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
    if tensor.numel() <= SAMPLE:
        return tensor.detach().reshape(-1)
    # What is not contiguous is not laid out anew for a few values.
    return tensor.detach()[_places(tuple(tensor.shape), tensor.device)]


def copy_of(tensor: Tensor) -> Tensor | None:
    """Return a copy of at most `SAMPLE` values as float32, in as few operations as it can be done."""
    plain = type(tensor) in PLAIN and tensor.dtype is torch.float32 and tensor.layout is STRIDED
    if plain and tensor.is_contiguous() and not tensor.is_meta:
        count = tensor.numel()
        length, stride = (SAMPLE, _stride(count)) if count > SAMPLE else (count, 1)
        return torch.as_strided_copy(tensor.detach(), (length,), (stride,)) if count else None
    values = values_of(tensor.detach())
    if values is None:
        return None
    return values.clone() if values.dtype is torch.float32 else values.float()


@lru_cache(maxsize=512)
def _places(shape: tuple[int, ...], device: torch.device) -> tuple[Tensor, ...]:
    """Return indices of evenly spread values."""
    count = math.prod(shape)
    found: tuple[Tensor, ...] = torch.unravel_index(_stride(count) * torch.arange(SAMPLE, device=device), shape)
    return found


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
        self._before: Tensor | None = None
        self._stepping: _Held | None = None
        """What the optimizer holds that is about to step."""
        self._layouts: dict[int, _Layout] = {}
        self._modules: ByIdentity[_Layer] = ByIdentity()
        self._parameters: ByIdentity[_Held] = ByIdentity()

    def clear(self) -> None:
        """Begin a step."""
        self.orders = {}
        self.changed = None
        self._pieces.clear()
        self._before = None

    def activation(self, module: nn.Module, output: Any) -> None:
        """Take some of a module's output, at its first call in this step."""
        known, order = self._modules.get(id(module)), len(self.orders)
        if known is None or known.order != order or not known.fits(output):
            self._new_activation(module, output, known, order)
        elif known.name not in self.orders and not _transformed():
            self.orders[known.name] = order
            # Not by `copy_of`: this is done for every module in every sampled step.
            piece = torch.as_strided_copy(output.detach(), known.size, known.stride)
            self._pieces.append((known.columns, piece))

    def _new_activation(self, module: nn.Module, output: Any, known: _Layer | None, order: int) -> None:
        name = known.name if known is not None else self.names.path(module)
        if name in self.orders or order >= MOST_MODULES or _transformed():
            return
        self.orders[name] = order
        first = output if isinstance(output, Tensor) else next((t for _, t in leaves(output)), None)
        values = None if first is None else copy_of(first)
        if first is None or values is None:
            return
        column = Column("activation", name, first.numel(), values.numel(), type(module).__name__, order)
        if known is None or known.columns != (column,):
            known = _Layer(name, order, column, first.dtype)
            self._modules.put(module, known)
        self._pieces.append((known.columns, values))

    @torch.no_grad()
    def before(self, optimizer: Any) -> None:
        """Take gradients, and the weights that they are about to change."""
        self._stepping = held = self._held(optimizer)
        self._join("gradient", held, [None if (g := p.grad) is None else values_of(g) for p in held.parameters])
        self._before = held.weights()

    @torch.no_grad()
    def after(self, optimizer: Any) -> None:
        """Take the weights after the step, and by how much they changed."""
        before, self._before = self._before, None
        held, self._stepping = self._stepping, None
        if held is None:
            return
        if before is not None and self._parameters.get(id(optimizer)) is held:
            lengths = held.lengths
            weights = held.weights(anew=True)
            if weights is not None and lengths == held.lengths:
                self._pieces.append((self._named("weight", held, lengths), weights))
                self._pieces.append((self._named("update", held, lengths), weights - before))
                self.changed = bool(self.changed) or not torch.equal(weights, before)
        held.parameters = []

    def taken(self, segment: int, step: int) -> list[Taken]:
        """Return what was taken in this step, device by device."""
        devices: dict[int, list[tuple[tuple[Column, ...], Tensor]]] = {}
        for piece in self._pieces:
            devices.setdefault(piece[1].get_device(), []).append(piece)
        return [
            Taken(segment, step, self._joined(device, [c for c, _ in found]), tuple([v for _, v in found]))
            for device, found in devices.items()
        ]

    def _joined(self, device: int, parts: list[tuple[Column, ...]]) -> tuple[Column, ...]:
        """Return all columns in one tuple; the same one as long as the parts are the same."""
        known = self._layouts.get(device)
        if known is None or len(known.parts) != len(parts) or not all(map(is_, known.parts, parts)):
            known = self._layouts[device] = _Layout(parts, tuple(column for part in parts for column in part))
        return known.columns

    def parameters(self, optimizer: Any) -> Iterable[tuple[str, Tensor]]:
        """Return what an optimizer holds, by name."""
        held = self._held(optimizer)
        return list(zip(held.names, held.parameters, strict=True))

    def _held(self, optimizer: Any) -> _Held:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        ids = list(map(id, parameters))
        known = self._parameters.get(id(optimizer))
        if known is None or known.ids != ids:
            prefix = self.names.numbered(optimizer)
            paths = [self.names.parameter(p) for p in parameters]
            known = _Held(ids, [path[0] if path else f"{prefix}.{i}" for i, path in enumerate(paths)])
            self._parameters.put(optimizer, known)
        known.parameters = parameters
        return known

    def _join(self, kind: str, held: _Held, views: Sequence[Tensor | None]) -> None:
        known = [v for v in views if v is not None]
        if known and _devices(known) == 1:
            self._pieces.append((self._named(kind, held, _lengths(views)), _flat(known)))
            return
        for name, parameter, view in zip(held.names, held.parameters, views, strict=True):
            if view is not None:
                self._pieces.append(((Column(kind, name, parameter.numel(), len(view)),), _flat([view])))

    def _named(self, kind: str, held: _Held, lengths: list[int]) -> tuple[Column, ...]:
        known = held.columns.get(kind)
        if known is None or known[0] != lengths:
            columns = tuple(
                Column(kind, name, parameter.numel(), length)
                for name, parameter, length in zip(held.names, held.parameters, lengths, strict=True)
                if length
            )
            known = held.columns[kind] = (lengths, columns)
        return known[1]


class _Layer:
    """What is known of a module's output, so that the next one like it is quickly taken."""

    __slots__ = ("columns", "name", "numel", "order", "plain", "size", "stride")

    def __init__(self, name: str, order: int, column: Column, dtype: torch.dtype) -> None:
        self.name, self.order, self.numel = name, order, column.numel
        self.columns = (column,)
        self.plain = dtype is torch.float32
        self.size = (column.length,)
        self.stride = (_stride(column.numel) if column.numel > SAMPLE else 1,)

    def fits(self, output: Any) -> bool:
        """Whether an output is laid out as expected, on a device that is not asked for values."""
        return (
            type(output) is Tensor
            and self.plain
            and output.dtype is torch.float32
            and output.layout is STRIDED
            and output.numel() == self.numel
            and output.is_contiguous()
            and not output.is_meta
        )


class _Held:
    """What an optimizer holds, with all that stays the same from step to step."""

    def __init__(self, ids: list[int], names: list[str]) -> None:
        self.ids = ids
        self.names = names
        self.parameters: list[Tensor] = []
        """Set anew for each look, and let go of after it."""
        self.columns: dict[str, tuple[list[int], tuple[Column, ...]]] = {}
        """By kind: the lengths that they stand for, and the columns."""
        self.lengths: list[int] = []
        """Of the views."""
        self._weights: Tensor | None = None
        self._versions: list[int] = []
        self._views: list[Tensor | None] = []
        self._pointers: list[int] = []

    def weights(self, *, anew: bool = False) -> Tensor | None:
        """Return a copy of a bounded sample of all weights; None where they are on several devices, or none.

        Unless asked for `anew`, it is the one from before if no parameter was written to since.
        """
        versions = [p._version for p in self.parameters]
        if anew or self._weights is None or versions != self._versions:
            known = [v for v in self._seen() if v is not None]
            self._weights = _flat(known) if known and _devices(known) == 1 else None
            self._versions = versions
        return self._weights

    def _seen(self) -> list[Tensor | None]:
        """Return a bounded view of each parameter's values; those on a CPU are kept while the values stay in place."""
        pointers = [p.data_ptr() if type(p) in PLAIN and p.is_cpu else 0 for p in self.parameters]
        if not self._views or pointers != self._pointers:
            self._views = [values_of(p) for p in self.parameters]
            self._pointers, self.lengths = pointers, _lengths(self._views)
        found = self._views
        if not all(pointers):  # on another device, empty, or a tensor of a class of its own
            self._views = []
        return found


class _Layout(NamedTuple):
    """Columns in one tuple, and the tuples that it was joined from."""

    parts: list[tuple[Column, ...]]
    columns: tuple[Column, ...]


def _flat(views: list[Tensor]) -> Tensor:
    joined = torch.cat(views)
    return joined if joined.dtype is torch.float32 else joined.float()


def _devices(tensors: Iterable[Tensor]) -> int:
    return len({tensor.get_device() for tensor in tensors})


def _lengths(views: Sequence[Tensor | None]) -> list[int]:
    return [0 if v is None else v.numel() for v in views]


def _transformed() -> bool:
    """Whether a transformation of torch.func runs: its tensors hold no values of their own."""
    found: bool = torch._C._functorch.peek_interpreter_stack() is not None
    return found
