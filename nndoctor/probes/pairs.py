"""What the loop does with the rows of a batch: do input and target of a sample still go together at the loss?

The batch as the loader gave it is known; where its rows arrive in the model and in the loss with their values as they
were, each can be told to be which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nndoctor.backward_nodes import head
from nndoctor.feeds.tree import leaves
from nndoctor.fingerprint import is_order, row_hashes
from nndoctor.places import user_place
from nndoctor.probes import graph
from nndoctor.records import OBSERVE, RowOrder
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from nndoctor.conductor import Conductor
    from nndoctor.probes.batches import Batches

STEPS = 16
"""In which the loop is watched: what it does to the order of a batch, it does to each."""
MOST_ROWS = 1024
COLUMNS = 64
"""Values of a row that are compared."""
REORDER = ("Index", "Gather", "Sort", "Flip", "Roll", "Take", "Topk")
"""How the backward nodes begin of what puts rows in another order."""
MOVERS = frozenset({"__getitem__", "index_select", "gather", "take_along_dim", "roll", "flip"})
"""Functions that put the rows of one tensor in another order."""
FEW_ROWS = 4
"""Of which little can be told."""


class Pairs(Listener):
    """Records `RowOrder`."""

    def __init__(self, session: Session, conductor: Conductor, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.batches = batches
        self._places: list[Tensor | None] = []
        """By input of the models: the row of the batch that each of its rows is; None where that is not known."""
        self._orders: list[Tensor] = []
        """In which models put rows, or the loop those that came out of one: the targets may well be put in it, too."""
        self._rows: list[RowOrder] = []

    def outer_call(self, call: Call) -> None:
        """See which rows a model gets."""
        if not call.grad or not self._looks() or next(call.module.parameters(), None) is None:
            return
        for _, tensor in (*leaves(call.args), *leaves(call.kwargs)):
            given = self._given(tensor)
            if given is not None:
                self._places.append(_places(given, rows(tensor)))

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """See in which order rows are put on their way through the models."""
        if name not in MOVERS or not isinstance(output, Tensor) or not self._looks():
            return
        given = args[0] if args else None
        if not isinstance(given, Tensor) or given.shape != output.shape:
            return
        if given.grad_fn is None and not self._in_a_model():
            return
        order = _order(given, (*args[1:], *kwargs.values()), output)
        if order is not None:
            self._orders.append(order)

    def _in_a_model(self) -> bool:
        stack = self.session.stack
        return bool(stack) and next(stack[0].module.parameters(), None) is not None

    def target(self, tensor: Tensor, predictions: Sequence[Tensor]) -> None:
        """See which rows a loss gets as the target of predictions; those must be in the order of the model's."""
        leaf = self.batches.of(tensor)
        if any(map(_reordered, predictions)):
            return
        if not self._looks() or not self._places or leaf is None or leaf.input:
            return  # the next row of what was fed is a target in its own right
        first = self._places[0]
        if first is None or any(p is None or not torch.equal(p, first) for p in self._places):
            return
        given, taken = self._given(tensor), rows(tensor)
        if given is None or taken is None or taken.shape != given.shape or remapped(given, taken):
            return
        if not same_rows(given, taken):
            return
        file, line, function = user_place()
        expected = [given[first], *(given[first[order]] for order in self._orders if len(order) == len(first))]
        self._rows.append(
            RowOrder(
                samples=len(given),
                own=max(int((each == taken).all(dim=1).sum()) for each in expected),
                by_chance=_by_chance(given),
                file=file,
                line=line,
                function=function,
            )
        )

    def step_ended(self) -> None:
        """Record what led to a training step."""
        for row in self._rows:
            self.session.add(row)
        self.new_data()

    def new_data(self) -> None:
        """What ran before is no part of a training step."""
        self._places, self._orders, self._rows = [], [], []

    def _looks(self) -> bool:
        session = self.session
        return session.experiment == OBSERVE and session.step < STEPS and self.conductor.feed == "loader"

    def _given(self, tensor: Tensor) -> Tensor | None:
        """Return the rows of the leaf that a tensor was made of, as the loader gave them."""
        leaf, content = self.batches.of(tensor), self.conductor.store.content
        if leaf is None or len(content) != self.session.step + 1 or len(content[-1]) != 1:
            return None
        return rows(dict(leaves(content[-1][0])).get(leaf.path))


def rows(tensor: Tensor | None) -> Tensor | None:
    """Return some values of each row in float64, None of what has too few rows or too many."""
    if tensor is None or tensor.dim() == 0 or tensor.is_complex() or not FEW_ROWS <= len(tensor) <= MOST_ROWS:
        return None
    flat = tensor.detach().reshape(len(tensor), -1)
    return flat[:, :: max(1, flat.shape[1] // COLUMNS)].cpu().double() if flat.shape[1] else None


def _places(given: Tensor, taken: Tensor | None) -> Tensor | None:
    if taken is None or taken.shape != given.shape:
        return None
    if torch.equal(given, taken):
        return torch.arange(len(given))
    known = {key: place for place, key in enumerate(row_hashes(given))}
    found = [known.get(key, -1) for key in row_hashes(taken)]
    return torch.tensor(found) if len(known) == len(given) and sorted(found) == list(range(len(given))) else None


def _order(given: Tensor, arguments: Sequence[Any], output: Tensor) -> Tensor | None:
    """Return the order that a function put all rows in, by the index it was given or else by the rows."""
    index = next((a for a in arguments if isinstance(a, Tensor)), None)
    if index is not None and given.dim() and is_order(index, len(given)):
        return index.detach().cpu().long()
    found, taken = rows(given), rows(output)
    return None if found is None else _places(found, taken)


def same_rows(given: Tensor, taken: Tensor) -> bool:
    """Whether both hold the same rows, in whatever order."""
    return sorted(row_hashes(given)) == sorted(row_hashes(taken))


def remapped(given: Tensor, taken: Tensor) -> bool:
    """Whether each label has become one other label (a renumbering), and not that of another sample."""
    labels = len(torch.unique(given, dim=0))
    together = len(torch.unique(torch.cat([given, taken], dim=1), dim=0))
    return labels < len(given) and together == labels and not torch.equal(given, taken)


def _reordered(prediction: Tensor) -> bool:
    """Whether rows were put in another order after the model, as a loss of ranks does with those of its target, too."""
    # What is behind the nearest layer belongs to the model.
    return any(node.startswith(REORDER) for node in head(graph.chain(prediction)))


def _by_chance(given: Tensor) -> float:
    """Return the share of rows that would be right in a random order."""
    counts = torch.unique(given, dim=0, return_counts=True)[1].double()
    return float((counts / counts.sum()).square().sum())
