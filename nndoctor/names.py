"""What things of the script are called: modules and parameters by path, optimizers and loaders by type and number.

Modules are found as they register their parts (torch's global registration hooks) and as they are called; nothing is
searched for. All references are weak: a model that the script drops is gone.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

Place = tuple[str, int, str]
"""File, line, function; ("", 0, "") where unknown."""
NOWHERE: Place = ("", 0, "")


class Names:
    """Paths of modules and parameters, and the tree that they form."""

    def __init__(self) -> None:
        self.modules: WeakSet[nn.Module] = WeakSet()
        self.places: WeakKeyDictionary[nn.Module, Place] = WeakKeyDictionary()
        self.parameter_paths: dict[int, tuple[str, nn.Module, str]] = {}
        """By id of the tensor: path, owning module, name of the root. Ids are checked against live owners."""
        self._parents: WeakKeyDictionary[nn.Module, ref[nn.Module]] = WeakKeyDictionary()
        self._paths: WeakKeyDictionary[nn.Module, tuple[str, str]] = WeakKeyDictionary()
        self._roots: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
        self._taken: defaultdict[str, int] = defaultdict(int)
        self._numbers: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._held: list[tuple[ref[Any], int, str]] = []
        """Of things that can be no keys: who holds each, its id, and its name."""
        self._main = ""

    def registered(self, parent: nn.Module, child: nn.Module | None, place: Place) -> None:
        """Note that a module became part of another, at a place of the user's code."""
        self.seen(parent, place)
        if isinstance(child, nn.Module):
            self.seen(child, place)
            self._parents[child] = ref(parent)

    def seen(self, module: nn.Module, place: Place = NOWHERE) -> None:
        """Note that a module exists."""
        self.modules.add(module)
        if place[0]:
            self.places[module] = place

    def root_of(self, module: nn.Module) -> nn.Module:
        """Return the topmost module that (transitively) holds this one."""
        for _ in range(64):
            parent = self._parents.get(module)
            above = parent() if parent is not None else None
            if above is None or all(child is not module for child in above.children()):
                return module
            module = above
        return module

    def path(self, module: nn.Module) -> str:
        """Return the module's path; the class name for a root."""
        known = self._paths.get(module)
        if known is None:
            self.learn(self.root_of(module))
            known = self._paths.get(module)
        return known[0] if known is not None else type(module).__name__

    def root_name(self, module: nn.Module) -> str:
        """Return the name of the root that the module belongs to."""
        self.path(module)
        known = self._paths.get(module)
        return known[1] if known is not None else type(module).__name__

    def learn(self, root: nn.Module) -> str:
        """Name a root and everything in it, also what was added since the last time. Returns the root's name."""
        name = self._roots.get(root)
        if name is None:
            name = self._unique(type(root).__name__)
            self._roots[root] = name
            if not self._main and next(root.parameters(), None) is not None:
                self._main = name
        for path, module in root.named_modules():
            if module not in self._paths:
                self._paths[module] = (self._full(path, name), name)
                self.seen(module)
            for child in module.children():
                self._parents.setdefault(child, ref(module))
            for own, parameter in module.named_parameters(recurse=False):
                full = self._full(f"{path}.{own}" if path else own, name)
                if not self._known(parameter):
                    self.parameter_paths[id(parameter)] = (full, module, name)
        return name

    def roots(self) -> Iterator[tuple[nn.Module, str]]:
        """Yield the live roots with their names."""
        yield from list(self._roots.items())

    def is_alive(self, name: str) -> bool:
        """Whether a root of this name still exists."""
        return any(own == name for own in self._roots.values())

    def parameter(self, tensor: Tensor) -> tuple[str, nn.Module, str] | None:
        """Return path, owner and root name of a registered parameter, None for any other tensor."""
        if self._known(tensor):
            return self.parameter_paths[id(tensor)]
        return None

    def numbered(self, thing: Any, prefix: str = "", holder: Any = None) -> str:
        """Return a stable name like `SGD#0` for an optimizer, a loader or a data set.

        A list, a tuple or what has `__slots__` can only be known again as long as its `holder` keeps it alive; without
        one it goes by its type.
        """
        try:
            known = self._numbers.get(thing)
        except TypeError:  # not hashable
            known = None
        if known is not None:
            return known
        kind = prefix or type(thing).__name__
        try:
            known = self._numbers[thing] = f"{kind}#{self._taken[kind]}"
        except TypeError:  # not hashable, or no weak references
            return type(thing).__name__ if holder is None else self._numbered_by_holder(thing, kind, holder)
        self._taken[kind] += 1
        return known

    def _numbered_by_holder(self, thing: Any, kind: str, holder: Any) -> str:
        self._held = [(own, ident, name) for own, ident, name in self._held if own() is not None]
        known = next((name for _, ident, name in self._held if ident == id(thing)), None)
        if known is None:
            known = f"{kind}#{self._taken[kind]}"
            self._taken[kind] += 1
        with suppress(TypeError):  # the holder may have no weak references either
            self._held.append((ref(holder), id(thing), known))
        return known

    def _known(self, tensor: Tensor) -> bool:
        entry = self.parameter_paths.get(id(tensor))
        return entry is not None and any(tensor is p for p in entry[1]._parameters.values())

    def _full(self, path: str, root: str) -> str:
        """Paths of the first model stand alone; those of later ones begin with the root's name."""
        if not path:
            return root
        return path if root == self._main else f"{root}.{path}"

    def _unique(self, kind: str) -> str:
        number = self._taken["root " + kind]
        self._taken["root " + kind] += 1
        return kind if number == 0 else f"{kind}#{number}"
