"""Takes an objective apart: the summands of the loss that backward is called on, read from the autograd graph."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LOSSES = {
    "NllLossBackward0": "cross_entropy",
    "NllLoss2DBackward0": "cross_entropy",
    "MseLossBackward0": "mse_loss",
    "L1LossBackward0": "l1_loss",
    "SmoothL1LossBackward0": "smooth_l1_loss",
    "HuberLossBackward0": "huber_loss",
    "BinaryCrossEntropyBackward0": "binary_cross_entropy",
    "BinaryCrossEntropyWithLogitsBackward0": "binary_cross_entropy_with_logits",
}
SUMS = ("AddBackward0", "SubBackward0")
FACTORS = ("MulBackward0", "DivBackward0", "NegBackward0")
REDUCTIONS = ("MeanBackward0", "SumBackward0", "SqueezeBackward0", "ViewBackward0")
STACK = "StackBackward0"
"""`torch.stack([a, b]).sum()`."""


@dataclass(frozen=True, slots=True)
class Summand:
    """An edge at which a summand enters the sum: the node below it, and which of that node's inputs it is.

    `above` and `place` say the same from the side of the sum: the node that adds, and which of its operands this is.
    `above` is None where the objective has one summand only.
    """

    node: Any
    number: int
    above: Any = None
    place: int = 0

    @property
    def function(self) -> str:
        """The loss of torch's in which it ends, empty for any other."""
        return LOSSES.get(type(without_factors(self.node)).__name__, "")

    @property
    def name(self) -> str:
        """The loss in which it ends, else the operation that made it."""
        return self.function or re.sub(r"Backward\d*$", "", type(without_factors(self.node)).__name__).lower()


def summands(root: Any) -> Iterator[Summand]:
    """Yield the edges at which summands enter the sum at the root; a common factor is passed by."""
    node = root
    while node is not None and _leads_to_a_sum(node):
        node = operands(node)[0][0]
    waiting = [Summand(node, 0)] if node is not None else []
    while waiting:
        each = waiting.pop()
        if type(each.node).__name__ in (*SUMS, STACK):
            inputs = enumerate(each.node.next_functions)
            waiting.extend(reversed([Summand(n, i, each.node, place) for place, (n, i) in inputs if n is not None]))
        else:
            yield each


def operands(node: Any) -> list[tuple[Any, int]]:
    """Return the nodes that a node passes gradients on to."""
    return [(other, number) for other, number in node.next_functions if other is not None]


def without_factors(node: Any) -> Any:
    """Return what stands behind constant factors and reductions."""
    while type(node).__name__ in (*FACTORS, *REDUCTIONS) and len(operands(node)) == 1:
        node = operands(node)[0][0]
    return node


def _leads_to_a_sum(node: Any) -> bool:
    name, inputs = type(node).__name__, operands(node)
    if name in FACTORS:
        return len(inputs) == 1
    return name in REDUCTIONS and len(inputs) == 1 and type(inputs[0][0]).__name__ == STACK
