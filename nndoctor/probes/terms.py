"""What each summand of the objective asks of the parameters that it shares with the others.

Read from the autograd graph: the sum at its root is taken apart, and of the summands that end in one of torch's losses
the gradient is asked one by one, in a few steps. The script's own `.grad` is not touched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge

from nndoctor.probes.summands import Summand, operands, summands, without_factors
from nndoctor.records import OBSERVE
from nndoctor.records.objective import LossTerm
from nndoctor.session import Listener, Pass, Session

STEPS = frozenset({1, 2, 4, 8, 16, 32})
"""The first step is left out: last layers that begin at zero pass nothing on."""
MOST_TERMS = 6
HEAVY = 10.0
"""Factor from which on a term without a target is looked at."""
MOST_SHARED = 8
MOST_NODES = 20_000


@dataclass(slots=True)
class Term:
    """A summand: the edge at which it enters the sum, the loss that it ends in, its constant factor, its leaves.

    `largest` is the largest of the constants that make up the factor.
    """

    edge: GradientEdge
    function: str
    factor: float
    largest: float
    leaves: dict[int, Tensor]


class Terms(Listener):
    """Records `LossTerm`."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def backward_begins(self, this: Pass) -> None:
        """Take the objective apart."""
        session = self.session
        if session.experiment != OBSERVE or session.step not in STEPS or this.inputs or session.in_optimizer:
            return
        if len(this.roots) != 1 or this.roots[0].numel() != 1:
            return
        found = [_term(each) for each in summands(this.roots[0].grad_fn)]
        if len(found) > MOST_TERMS or any(f is None for f in found):
            return  # a function of the user's own is not run more often than the script does
        terms = _compared([(index, t) for index, t in enumerate(found) if t is not None])
        if len(terms) < 2:
            return
        common = set.intersection(*(set(t.leaves) for _, t in terms))
        shared = [p for key, p in terms[0][1].leaves.items() if key in common and session.names.parameter(p)]
        if not shared:
            return
        shared = sorted(shared, key=lambda p: p.numel())[-MOST_SHARED:]
        file, line, function = this.place
        for index, term in terms:
            self.session.add(
                LossTerm(
                    index=index,
                    loss=term.function,
                    norm=_norm(term, shared),
                    factor=term.factor,
                    largest=term.largest,
                    shared=len(shared),
                    file=file,
                    line=line,
                    function=function,
                )
            )


def _compared(terms: list[tuple[int, Term]]) -> list[tuple[int, Term]]:
    """Return the terms that compare with a target; beside a single one, the penalty that the script makes heaviest."""
    losses = [(index, term) for index, term in terms if term.function]
    heavy = [(index, term) for index, term in terms if not term.function and term.largest >= HEAVY]
    return [*losses, max(heavy, key=lambda pair: pair[1].largest)] if len(losses) == 1 and heavy else losses


def _term(summand: Summand) -> Term | None:
    """Describe a summand; None if the graph behind it is too large or holds a function of the user's own."""
    node, end, factor, largest = summand.node, without_factors(summand.node), 1.0, 1.0
    while node is not end:
        constant = _constant(node)
        factor, largest = factor * constant, max(largest, constant)
        node = operands(node)[0][0]
    leaves: dict[int, Tensor] = {}
    seen, waiting = {node}, [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BackwardCFunction) or len(seen) > MOST_NODES:
            return None
        variable = getattr(each, "variable", None)
        if isinstance(variable, Tensor):
            leaves[id(variable)] = variable
        fresh = [above for above, _ in operands(each) if above not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return Term(GradientEdge(summand.node, summand.number), summand.function, factor, largest, leaves)


def _constant(node: Any) -> float:
    """Return the absolute value of what a node multiplies with."""
    name = type(node).__name__
    if name not in ("MulBackward0", "DivBackward0"):
        return 1.0
    graph_first = node.next_functions[0][0] is not None
    other = getattr(node, "_saved_other" if graph_first else "_saved_self", None)
    value = (
        float(other)
        if isinstance(other, float | int) or (isinstance(other, Tensor) and other.numel() == 1)
        else math.nan
    )
    return abs(value) if name == "MulBackward0" else abs(1 / value) if value else math.nan


def _norm(term: Term, shared: list[Tensor]) -> float:
    shape = term.edge.node._input_metadata[term.edge.output_nr]
    one = torch.ones(tuple(shape.shape), dtype=shape.dtype, device=shape.device)
    gradients = torch.autograd.grad([term.edge], shared, [one], retain_graph=True, allow_unused=True)
    return math.sqrt(sum(float(g.float().norm()) ** 2 for g in gradients if g is not None))
