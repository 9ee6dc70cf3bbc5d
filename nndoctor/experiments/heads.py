"""The heads of a model: outputs that one loss takes together, so that its summands do not tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndoctor.feeds.tree import leaves

if TYPE_CHECKING:
    from torch import Tensor

MOST_NODES = 20_000
Edge = tuple[Any, int]


def outputs(result: Any) -> dict[str, Edge]:
    """Return the edges at which gradients enter the outputs of a model, by path; empty unless it has several."""
    found = {
        path: (t.grad_fn, t.output_nr) for path, t in leaves(result) if t.is_floating_point() and t.grad_fn is not None
    }
    return found if len(set(found.values())) > 1 else {}


def behind(roots: list[Tensor], found: dict[str, Edge]) -> list[str]:
    """Return which of the outputs a loss takes, if none of them is made from another (features beside logits)."""
    reached = _edges([root.grad_fn for root in roots])
    taken = [path for path, edge in found.items() if edge in reached]
    for path in taken:
        within = {node for node, _ in _edges([found[path][0]])}
        if any(found[other][0] in within for other in taken if found[other] != found[path]):
            return []
    return taken if len({found[path] for path in taken}) > 1 else []


def stop(edges: list[Edge], *, zeros: bool) -> None:
    """Take the gradient off these outputs: undefined, or zero for a loop by hand."""
    for node, number in edges:

        def stopped(arrived: Any, number: int = number) -> Any:
            gone = (g * 0 if zeros and g is not None else None for g in arrived)
            return tuple(none if i == number else g for i, (g, none) in enumerate(zip(arrived, gone, strict=True)))

        node.register_prehook(stopped)


def _edges(nodes: list[Any]) -> set[Edge]:
    seen: set[Edge] = set()
    done = set(nodes)
    waiting = list(nodes)
    while waiting and len(done) < MOST_NODES:
        for edge in waiting.pop().next_functions:
            if edge[0] is not None:
                seen.add(edge)
                if edge[0] not in done:
                    done.add(edge[0])
                    waiting.append(edge[0])
    return seen
