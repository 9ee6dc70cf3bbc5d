"""How layers follow each other: linear ones with nothing between, and layers that are built anew in every forward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from nndoctor.places import user_place
from nndoctor.records import OBSERVE, Chained, Recreated
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
AFFINE = (
    nn.Identity,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
)
"""Layers that leave a linear map linear: what they put out counts as put out by the layer before. A LayerNorm divides
by the size of its own input and is none of them."""


SQUASHES = frozenset({"sigmoid", "sigmoid_"})
POOLS = frozenset({"adaptive_avg_pool2d", "avg_pool2d", "flatten", "max_pool1d", "max_pool2d"})
"""What leaves the outputs of a sigmoid as they are, or takes some of them: all are positive still."""


@dataclass(slots=True)
class Made:
    """What a linear layer put out, or a sigmoid behind it (`through`): who made it, and how many took it."""

    module: nn.Module
    name: str
    through: str = ""
    takers: int = 0


class Wiring(Listener):
    """Records `Chained` and `Recreated`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._made: Any = WeakIdKeyDictionary()  # of tensors, to what made them and their version then
        self._links: list[tuple[Made, Chained]] = []
        self._chains: dict[tuple[int, str, str], Chained] = {}
        self._known: WeakSet[nn.Module] = WeakSet()
        self._anew: dict[tuple[int, str, str, int, str], tuple[Recreated, int]] = {}

    def module_done(self, call: Call, output: Any) -> None:
        """Note who takes what a linear layer made, and layers that were not there before."""
        if self.session.experiment != OBSERVE:
            return
        module = call.module
        if module not in self._known:
            self._first_seen(module)
        if not self.session.sampled or not call.grad or module._modules:
            return
        if _affine(module):
            self._passed(call.args, output)
            return
        source = self._taken(call.args)
        if not _linear(module):
            return
        name = self.session.names.path(module)
        if source is not None:
            file, line, function = user_place()
            self._links.append(
                (
                    source,
                    Chained(
                        first=source.name,
                        second=name,
                        type=type(module).__name__,
                        inputs=_widths(source.module)[0],
                        inner=_widths(source.module)[1],
                        outputs=_widths(module)[1],
                        through=source.through,
                        file=file,
                        line=line,
                        function=function,
                    ),
                )
            )
        if isinstance(output, Tensor):
            self._made[output] = Made(module, name), output._version

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """A function took it too: then it is no mere link in a chain."""
        inside = self.session.stack[-1].module if self.session.stack else None
        if not self.session.sampled or (inside is not None and (_linear(inside) or _affine(inside))):
            return
        if name in SQUASHES and isinstance(output, Tensor):
            self._squashed(args, output)
        elif name == "dropout" or name in POOLS:
            self._passed(args, output, squashed_only=name in POOLS)
        else:
            self._taken(args)

    def step_ended(self) -> None:
        """Record the links of which no one else took a part."""
        for made, row in self._links:
            key = (self.session.segment, row.first, row.second)
            known = self._chains.get(key, row)
            self._chains[key] = replace(known, links=known.links + 1, takers=max(known.takers, made.takers))
            self.session.add(self._chains[key])
        self._links.clear()
        self._made.clear()

    def new_data(self) -> None:
        """What was made belongs to what was before."""
        self._links.clear()
        self._made.clear()

    def _taken(self, args: tuple[Any, ...]) -> Made | None:
        found = None
        for tensor in _tensors(args):
            made, version = self._made.get(tensor, (None, 0))
            if made is not None:
                made.takers += 1
                found = made if tensor._version == version and (made.takers == 1 or made.through) else None
        return found

    def _passed(self, args: tuple[Any, ...], output: Any, *, squashed_only: bool = False) -> None:
        """What was made went through something that leaves it linear, or squashed: no one has taken it yet."""
        for tensor in _tensors(args[:1]):
            made, version = self._made.get(tensor, (None, 0))
            if made is None:
                continue
            if squashed_only and not made.through:
                made.takers += 1
            elif isinstance(output, Tensor) and tensor._version == version:
                self._made[output] = made, output._version

    def _squashed(self, args: tuple[Any, ...], output: Tensor) -> None:
        """What a linear layer made went through a sigmoid."""
        source = self._taken(args)
        if source is not None and not source.through:
            self._made[output] = Made(source.module, source.name, "sigmoid"), output._version

    def _first_seen(self, module: nn.Module) -> None:
        self._known.add(module)
        names, stack = self.session.names, self.session.stack
        # A copy of a module (meta-learning) registers nothing when it is made; one that is built does.
        if not stack or not any(p is not None for p in module._parameters.values()) or module not in names.modules:
            return
        root = names.root_of(stack[0].module)
        if names.root_of(module) is root:
            return
        inside = next((c.module for c in reversed(stack) if names.root_of(c.module) is root), root)
        file, line, function = user_place()
        key = (self.session.segment, type(module).__name__, file, line, names.path(inside))
        row, last = self._anew.get(key, (Recreated(), -1))
        row = replace(
            row,
            name=key[4],
            type=key[1],
            instances=row.instances + 1,
            steps=row.steps + (last != self.session.step),
            parameters=sum(p.numel() for p in module._parameters.values() if p is not None),
            file=file,
            line=line,
            function=function,
        )
        self._anew[key] = (row, self.session.step)
        self.session.add(row)


def _tensors(args: tuple[Any, ...]) -> Iterator[Tensor]:
    return (a for a in args if isinstance(a, Tensor))


def _linear(module: nn.Module) -> bool:
    """Whether a layer mixes all its inputs linearly; depthwise and one-sided convolutions are made to be chained."""
    if type(module) is nn.Linear:
        return True
    if not isinstance(module, CONVOLUTIONS):
        return False
    return type(module) in CONVOLUTIONS and module.groups == 1 and len(set(module.kernel_size)) == 1


def _affine(module: nn.Module) -> bool:
    return type(module) in AFFINE


def _widths(module: nn.Module) -> tuple[int, int]:
    weight = module.weight
    return int(weight.shape[1]), int(weight.shape[0])  # type: ignore[index]
