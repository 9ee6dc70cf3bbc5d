"""Softmaxes: over which dimension they normalise, and over which one a matrix product then sums them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from nndoctor.backward_nodes import layer
from nndoctor.places import user_place
from nndoctor.probes import graph
from nndoctor.records import OBSERVE, SoftmaxCall
from nndoctor.session import Listener, Session

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor

SOFTMAXES = frozenset({"softmax", "log_softmax"})
PRODUCTS = frozenset({"matmul", "__matmul__", "bmm"})
FOLLOWED = frozenset({"dropout", "to", "type_as", "contiguous"})
"""What attention weights go through on their way to the product, and stay in their places."""
BATCHED = ("Bmm", "Baddbmm")
"""How the backward nodes of a product of two batches of matrices begin."""
SOFTMAX_FUNCTIONS = SOFTMAXES | PRODUCTS | FOLLOWED
"""Every function that this probe wants to hear of."""


class Softmaxes(Listener):
    """Records `SoftmaxCall`."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self._rows: dict[tuple[Any, ...], SoftmaxCall] = {}
        self._results: Any = WeakIdKeyDictionary()
        """Of each softmax's result that is alive, as it is or after a dropout: the key of its row."""

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Note a softmax, follow its result, and see what a product makes of it."""
        if not isinstance(output, Tensor) or self.session.experiment != OBSERVE:
            return
        if name in SOFTMAXES:
            self._softmax(name, args, kwargs, output)
            return
        factors = [a for a in args[:2] if isinstance(a, Tensor)]
        known = [self._results.get(factor) for factor in factors]
        if name in FOLLOWED and known and known[0] is not None:
            self._results[output] = known[0]
        elif name in PRODUCTS and len(known) == 2:
            for number, key in enumerate(known):
                if key in self._rows and factors[number].dim() > 1:
                    summed = factors[number].dim() - (1 if number == 0 else 2)
                    self._rows[key] = replace(self._rows[key], summed_dim=summed)

    def _softmax(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if not isinstance(dim, int) or not output.requires_grad:
            return
        inside = self.session.names.path(self.session.stack[-1].module) if self.session.stack else ""
        size = self.conductor.store.batch_size
        sizes = [d for d, length in enumerate(output.shape) if length == size]
        file, line, _ = user_place()
        row = SoftmaxCall(
            name=f"{inside}.{name}" if inside else name,
            function=name,
            dim=dim % output.dim(),
            shape=tuple(output.shape),
            batch_dim=sizes[0] if sizes[:1] == [0] and len(sizes) == 1 else -1,
            batch_size=size,
            batch_from_loader=self.conductor.feed == "loader",
            scores=layer(graph.chain(output)).startswith(BATCHED),
            file=file,
            line=line,
        )
        key = (row.name, row.file, row.line, row.dim)
        known = self._rows.get(key)
        count, summed = (known.count, known.summed_dim) if known is not None else (0, -1)
        self._rows[key] = replace(row, count=count + 1, summed_dim=summed)
        self._results[output] = key

    def diet_ended(self, name: str) -> None:
        """Hand over what was observed."""
        if name == OBSERVE:
            for row in self._rows.values():
                self.session.add(row)
            self._rows = {}
