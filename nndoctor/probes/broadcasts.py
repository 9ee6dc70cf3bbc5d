"""Columns that meet vectors: (N, 1) and (N,) give N x N, rarely on purpose where the column is a layer's output."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nndoctor.places import user_place
from nndoctor.records import OBSERVE
from nndoctor.records.objective import Broadcast
from nndoctor.session import Listener, Session

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor
    from nndoctor.probes.batches import Batches

OPERATIONS = {
    "add": "+",
    "__add__": "+",
    "__radd__": "+",
    "sub": "-",
    "__sub__": "-",
    "rsub": "-",
    "__rsub__": "-",
    "mul": "*",
    "__mul__": "*",
    "__rmul__": "*",
    "div": "/",
    "__truediv__": "/",
    "__rtruediv__": "/",
    "true_divide": "/",
}
LAYERS = ("Addmm", "Mm", "Linear", "Convolution")
MOST_NODES = 6
"""Between a layer and the operation: an activation, a scale, a clamp, a cast."""
ACTIVATIONS = (
    "Sigmoid",
    "Tanh",
    "Relu",
    "Softplus",
    "LeakyRelu",
    "Gelu",
    "Elu",
    "Silu",
    "Exp",
    "Clamp",
    "Mul",
    "Div",
    "Add",
    "Neg",
    "ToCopy",
)
"""Nodes that leave the shape as the layer made it. After any other (a view, a sum, a norm) it may be meant."""


class Broadcasts(Listener):
    """Records `Broadcast`."""

    def __init__(self, session: Session, conductor: Conductor, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.batches = batches
        self._rows: dict[tuple[object, ...], Broadcast] = {}

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Look for a result that is larger than both operands."""
        if name not in OPERATIONS or not isinstance(output, Tensor) or output.dim() != 2 or not output.requires_grad:
            return
        if len(args) < 2 or not isinstance(args[0], Tensor) or not isinstance(args[1], Tensor):
            return
        column, vector = args[:2] if args[0].dim() == 2 else args[1::-1]
        size = len(vector) if vector.dim() == 1 else 0
        if size < 2 or column.shape != (size, 1) or self.session.experiment != OBSERVE or not self.session.sampled:
            return
        source = self._source(column, vector)
        if source and size == (self.conductor.store.batch_size or size):
            self._note(OPERATIONS[name], source, column, vector)

    def _note(self, operation: str, source: str, column: Tensor, vector: Tensor) -> None:
        file, line, function = user_place()
        key = (self.session.segment, file, line, operation)
        row = self._rows.get(key) or Broadcast(
            operation=operation,
            module=self.session.names.path(self.session.stack[-1].module) if self.session.stack else "",
            source=source,
            column=tuple(column.shape),
            vector=tuple(vector.shape),
            file=file,
            line=line,
            function=function,
        )
        self._rows[key] = replace(row, count=row.count + 1)
        self.session.add(self._rows[key])

    def _source(self, column: Tensor, vector: Tensor) -> str:
        """Return where a column came from, empty if its dimension was put there on purpose."""
        if column.grad_fn is None:
            leaf = self.batches.of(column)
            if leaf is None or leaf.source in ("call", "experiment") or leaf.row.shape != tuple(column.shape):
                return ""
            return leaf.path
        above = [node for node, _ in vector.grad_fn.next_functions] if vector.grad_fn is not None else []
        if column.grad_fn in above:
            return ""  # all pairs of one score: s - s.squeeze(1)
        node: Any = column.grad_fn
        for _ in range(MOST_NODES):
            name = type(node).__name__
            if name.startswith(LAYERS):
                return "layer"
            following = [each for each, _ in node.next_functions if each is not None]
            if not name.startswith(ACTIVATIONS) or len(following) != 1:
                return ""
            node = following[0]
        return ""
