"""The models, optimizers and loaders that a training uses: named as they come, described when all are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from nndoctor.names import NOWHERE, Names
from nndoctor.places import user_place
from nndoctor.watching.describe import described, loader_row, optimizer_row
from nndoctor.watching.identity import ByIdentity
from nndoctor.watching.start import statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor, nn

    from nndoctor.names import Place
    from nndoctor.records import Record, TensorStats


class Parts:
    """What a training consists of. `tell` takes the rows."""

    def __init__(self, names: Names, tell: Callable[[Record], None]) -> None:
        self.loaded: WeakSet[nn.Module] = WeakSet()
        """Modules whose weights came from a state dict."""
        self.built: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()
        """Where each optimizer was."""
        self.outermost: ByIdentity[None] = ByIdentity()
        """Modules that were called, not by others."""
        self._names, self._tell = names, tell
        self._loaders: set[str] = set()
        self._start: dict[str, TensorStats] = {}
        """The parameters as they were before their optimizer's first step."""

    def module(self, module: nn.Module) -> None:
        """An outermost module is about to run for the first time: name it before its parts are seen by themselves."""
        self.outermost.put(module, None)
        self._learn(module)

    def _learn(self, module: nn.Module) -> None:
        if next(module.parameters(), None) is not None:
            self._names.learn(self._names.root_of(module))

    def loader(self, iterator: Any) -> str:
        """Name a loader by its data set: a loader and its iterators are not known to each other."""
        name = self._names.numbered(iterator._dataset, "DataLoader")
        if name not in self._loaders:
            self._loaders.add(name)
            self._tell(loader_row(iterator, name, user_place()))
        return name

    def optimizer(self, optimizer: Any, parameters: Callable[[Any], Iterable[tuple[str, Tensor]]]) -> None:
        """An optimizer is about to make its first step."""
        for module in self.outermost.things():  # what was added to a model since
            self._learn(module)
        self._start.update(statistics(parameters(optimizer)))
        self._tell(optimizer_row(optimizer, self._names.numbered(optimizer), self.built.get(optimizer, NOWHERE)))

    def describe(self, optimizers: Iterable[Any], orders: Mapping[str, int]) -> None:
        """Write down all modules and parameters. `orders`: the modules' positions in the forward pass."""
        for row in described(self._names, optimizers, orders, start=self._start, loaded=self.loaded):
            self._tell(row)
