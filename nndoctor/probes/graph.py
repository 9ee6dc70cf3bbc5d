"""Reads the autograd graph behind a loss: which leaves it depends on, and what stands above a tensor."""

from __future__ import annotations

from typing import Any

from torch import Tensor

MOST_NODES = 200_000


def leaves(roots: list[Tensor]) -> dict[int, Tensor]:
    """Return the leaves that require grad behind the given tensors, by id."""
    found: dict[int, Tensor] = {id(root): root for root in roots if root.requires_grad and root.grad_fn is None}
    seen: set[Any] = set()
    stack = [root.grad_fn for root in roots if root.grad_fn is not None]
    while stack and len(seen) < MOST_NODES:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            found[id(variable)] = variable
        stack.extend(above for above, _ in node.next_functions if above is not None and above not in seen)
    return found


def chain(tensor: Tensor, most: int = 8) -> tuple[str, ...]:
    """Return the names of the backward nodes above a tensor, nearest first, along the first argument of each."""
    names: list[str] = []
    node = tensor.grad_fn
    while node is not None and len(names) < most:
        names.append(type(node).__name__)
        node = next((above for above, _ in node.next_functions if above is not None), None)
        if node is not None and type(node).__name__ == "AccumulateGrad":
            break
    return tuple(names)
