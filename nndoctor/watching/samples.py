"""Bounded samples of the tensors of one step: activations, gradients, weights and updates.

Taking them is all that happens inside the user's step: a copy of some values of each tensor, joined to one flat vector.
What the values amount to is worked out later, for many steps at once (`figures`).
"""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.watching.identity import ByIdentity
from nndoctor.watching.views import PLAIN, SAMPLE, copy_of, stride_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndoctor.names import Names

MOST_MODULES = 3000
MOST_WAITING = 2**22
"""Values of outputs that are kept until the optimizer steps, in all: 16 MB."""
WAITED = -2
"""Where the layout of outputs that no optimizer's step followed is kept, beside those of the devices (-1 is the CPU)
and, by `id`, of what each optimizer holds."""
STRIDED, FLOAT = torch.strided, torch.float32


class Column(NamedTuple):
    """What a run of values in a sample is called in the recording."""

    kind: str
    name: str
    numel: int
    length: int
    type: str = ""
    order: int = 0


class Taken(NamedTuple):
    """The samples of one step on one device, one after the other; a piece may hold those of several columns.

    Of an update these are the weights before the step: those after it are the columns right before it.
    """

    segment: int
    step: int
    columns: tuple[Column, ...]
    pieces: tuple[Tensor, ...]


class Sampler:
    """Takes the samples of one step after the other."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.orders: dict[str, int] = {}
        """Positions in the forward pass of the modules seen in this step."""
        self._pieces: list[tuple[tuple[Column, ...], Tensor]] = []
        self._before: Tensor | None = None
        self._stepping: _Held | None = None
        """What the optimizer holds that is about to step."""
        self._layouts: dict[int, _Layout] = {}
        self._modules: ByIdentity[_Layer] = ByIdentity()
        self._waiting: list[tuple[_Layer, Tensor, int]] = []
        """Outputs whose values are taken together when the forward pass is over, and their versions."""
        self._probation: list[tuple[_Layer, Tensor, int]] = []
        """Outputs of layers that may wait from now on, if nobody writes to what they returned."""
        self._waiting_values = 0
        self._parameters: ByIdentity[_Held] = ByIdentity()

    def clear(self) -> None:
        """Begin a step."""
        self.orders = {}
        self._pieces.clear()
        self._let_go()
        self._before = None

    def activation(self, module: nn.Module, output: Any) -> None:
        """Take some of a module's output, at its first call in this step."""
        known, orders = self._modules.get(id(module)), self.orders
        order = len(orders)
        if known is None or known.order != order or type(output) is not Tensor or output.numel() != known.numel:
            self._new_activation(module, output, known, order)
            return
        orders[known.name] = order
        if known.may_wait:  # the most frequent case: what else there is to ask is asked when its values are taken
            self._waiting.append((known, output, output._version))
        else:
            self._take(known, output)

    def _take(self, layer: _Layer, output: Tensor) -> None:
        """Copy some values of an output that is like the layer's one before."""
        if _is_plain(output):
            piece = torch.as_strided_copy(output.detach(), layer.size, layer.stride)
            self._pieces.append((layer.columns, piece))
        elif (values := copy_of(output)) is not None:
            self._pieces.append(((layer.columns[0]._replace(length=values.numel()),), values))

    def _new_activation(self, module: nn.Module, output: Any, known: _Layer | None, order: int) -> None:
        name = known.name if known is not None else self.names.path(module)
        if name in self.orders or order >= MOST_MODULES:
            return
        self.orders[name] = order
        first = output if isinstance(output, Tensor) else next((t for _, t in leaves(output)), None)
        values = None if first is None else copy_of(first)
        if first is None or values is None:
            return
        column = Column("activation", name, first.numel(), values.numel(), type(module).__name__, order)
        if known is None or known.columns != (column,):
            self._waiting_values -= known.numel if known is not None and known.may_wait else 0
            known = _Layer(name, order, column, first.dtype)
            self._modules.put(module, known)
        self._pieces.append((known.columns, values))
        if first is output and first.is_cpu and first.requires_grad and known.numel > 0:
            self._probation.append((known, first, first._version))

    def _waited(self) -> tuple[list[tuple[Column, ...]], list[Tensor]]:
        """Return columns and values of the outputs that waited: views, so that one operation copies all of them."""
        for layer, output, version in self._probation:
            if output._version == version and self._waiting_values + layer.numel <= MOST_WAITING:
                layer.may_wait = True
                self._waiting_values += layer.numel
        columns: list[tuple[Column, ...]] = []
        views = []
        for layer, output, version in self._waiting:
            if output._version == version:
                if _is_plain(output):
                    columns.append(layer.columns)
                    views.append(output.as_strided(layer.size, layer.stride))
                else:
                    self._take(layer, output)
            else:  # written to in place: these values are lost, the next ones are copied at once
                layer.may_wait = False
                self._waiting_values -= layer.numel
        self._let_go()
        return columns, views

    def _copy(self, columns: list[tuple[Column, ...]], views: list[Tensor], layout: int) -> None:
        if views:
            self._pieces.append((self._joined(layout, columns), torch.cat(views)))

    def _let_go(self) -> None:
        self._waiting.clear()
        self._probation.clear()

    def before(self, optimizer: Any) -> None:
        """Take gradients, and the weights that they are about to change."""
        self._stepping = held = self._held(optimizer)
        with_gradients = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)  # `no_grad` itself is a dozen calls
        try:
            columns, views = self._waited()
            if (gradients := held.gradients()) is not None:
                columns.append(self._named("gradient", held, held.sizes))
                self._copy(columns, views + gradients, id(held))
            else:
                self._copy(columns, views, id(held))
                self._join("gradient", held, [None if (g := p.grad) is None else values_of(g) for p in held.parameters])
            self._before = held.weights()
        finally:
            torch._C._set_grad_enabled(with_gradients)

    def after(self, optimizer: Any) -> None:
        """Take the weights after the step; by how much they changed is worked out later."""
        before, self._before = self._before, None
        held, self._stepping = self._stepping, None
        if held is None:
            return
        if before is not None and self._parameters.get(id(optimizer)) is held:
            lengths = held.lengths
            with_gradients = torch.is_grad_enabled()
            torch._C._set_grad_enabled(False)
            try:
                weights = held.weights(anew=True)
            finally:
                torch._C._set_grad_enabled(with_gradients)
            if weights is not None and lengths == held.lengths:
                self._pieces.append((self._named("weight", held, lengths), weights))
                self._pieces.append((self._named("update", held, lengths), before))
        held.parameters = []

    def taken(self, segment: int, step: int) -> list[Taken]:
        """Return what was taken in this step, device by device."""
        if self._waiting or self._probation:  # no optimizer has stepped
            with torch.no_grad():
                self._copy(*self._waited(), WAITED)
        devices: dict[int, list[tuple[tuple[Column, ...], Tensor]]] = {}
        if len({piece.get_device() for _, piece in self._pieces}) == 1:
            devices[self._pieces[0][1].get_device()] = self._pieces
        else:
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
            names = [path[0] if path else f"{prefix}.{i}" for i, path in enumerate(paths)]
            known = _Held(ids, names, [parameter.shape for parameter in parameters])
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

    __slots__ = ("columns", "may_wait", "name", "numel", "order", "size", "stride")

    def __init__(self, name: str, order: int, column: Column, dtype: torch.dtype) -> None:
        self.name, self.order = name, order
        self.numel = column.numel if dtype is torch.float32 else -1
        self.columns = (column,)
        self.may_wait = False
        """Nobody writes to its output, which is small enough to be kept until the optimizer steps."""
        self.size = (column.length,)
        self.stride = (stride_of(column.numel) if column.numel > SAMPLE else 1,)


class _Held:
    """What an optimizer holds, with all that stays the same from step to step."""

    def __init__(self, ids: list[int], names: list[str], shapes: list[torch.Size]) -> None:
        self.ids = ids
        self.names = names
        self.sizes = [min(shape.numel(), SAMPLE) for shape in shapes]
        """What is looked at of each gradient."""
        self._plan = [_planned(shape) for shape in shapes]
        """Of each gradient: its size, and of the view of it size and stride, none if it is flat and small itself."""
        self.parameters: list[Tensor] = []
        """Set anew for each look, and let go of after it."""
        self.columns: dict[str, tuple[list[int], tuple[Column, ...]]] = {}
        """By kind: the lengths that they stand for, and the columns."""
        self.lengths: list[int] = []
        """Of the views."""
        self._weights: Tensor | None = None
        self._versions: list[int] = []
        self._views: list[Tensor] = []
        self._pointers: list[int] = []

    def weights(self, *, anew: bool = False) -> Tensor | None:
        """Return a copy of a bounded sample of all weights; None where they are on several devices, or none.

        Unless asked for `anew`, it is the one from before if no parameter was written to since.
        """
        versions = [p._version for p in self.parameters]
        if anew or self._weights is None or versions != self._versions:
            views = self._seen()
            self._weights = _flat(views) if views else None
            self._versions = versions
        return self._weights

    def gradients(self) -> list[Tensor] | None:
        """Return a bounded view of each gradient, if all are plain ones on the CPU: the quick case."""
        views = []
        for parameter, (numel, size, stride) in zip(self.parameters, self._plan, strict=True):
            gradient = parameter.grad
            if type(gradient) is not Tensor or gradient.numel() != numel or not _is_plain(gradient):
                return None
            views.append(gradient.as_strided(size, stride) if size else gradient)
        return views or None

    def _seen(self) -> list[Tensor]:
        """Return a bounded view of each parameter's values, none where they are on several devices.

        Those on a CPU are kept while the values stay in place.
        """
        pointers = [p.data_ptr() if type(p) in PLAIN and p.is_cpu else 0 for p in self.parameters]
        if not self._views or pointers != self._pointers:
            views = [values_of(p) for p in self.parameters]
            self._pointers, self.lengths = pointers, _lengths(views)
            known = [v for v in views if v is not None]
            self._views = known if _devices(known) == 1 else []
        found = self._views
        if not all(pointers):  # on another device, empty, or a tensor of a class of its own
            self._views = []
        return found


def _planned(shape: torch.Size) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    numel = shape.numel()
    if not numel:
        return -1, (), ()
    if numel > SAMPLE:
        return numel, (SAMPLE,), (stride_of(numel),)
    return (numel, (), ()) if len(shape) == 1 else (numel, (numel,), (1,))


class _Layout(NamedTuple):
    """Columns in one tuple, and the tuples that it was joined from."""

    parts: list[tuple[Column, ...]]
    columns: tuple[Column, ...]


def _is_plain(tensor: Tensor) -> bool:
    """Whether its values are numbers on the CPU in one row."""
    return tensor.dtype is FLOAT and tensor.is_cpu and tensor.layout is STRIDED and tensor.is_contiguous()


def _flat(views: list[Tensor]) -> Tensor:
    joined = torch.cat(views)
    return joined if joined.dtype is torch.float32 else joined.float()


def _devices(tensors: Iterable[Tensor]) -> int:
    return len({tensor.get_device() for tensor in tensors})


def _lengths(views: Sequence[Tensor | None]) -> list[int]:
    return [0 if v is None else v.numel() for v in views]
