"""Batches as trees: find the tensors in whatever a loader or a call carries, and put others in their place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

MOST_LEAVES = 64
MOST_DEPTH = 6


def leaves(tree: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Yield `(path, tensor)` for every tensor in nested tuples, lists, mappings and objects that hold some."""
    if isinstance(tree, Tensor):
        yield path or "0", tree
    elif depth < MOST_DEPTH:
        for name, child in _children(tree):
            yield from leaves(child, f"{path}.{name}" if path else name, depth + 1)


def replaced(tree: Any, change: Callable[[str, Tensor], Tensor], path: str = "", depth: int = 0) -> Any:
    """Return the same tree, every tensor replaced by `change(path, tensor)`. Other values are shared, not copied."""
    if isinstance(tree, Tensor):
        return change(path or "0", tree)
    if depth >= MOST_DEPTH:
        return tree

    def inner(name: str, child: Any) -> Any:
        return replaced(child, change, f"{path}.{name}" if path else name, depth + 1)

    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(inner(str(i), child) for i, child in enumerate(tree)))
    if isinstance(tree, tuple | list) and len(tree) <= MOST_LEAVES:
        return type(tree)(inner(str(i), child) for i, child in enumerate(tree))
    if isinstance(tree, dict):
        return _filled(copy.copy(tree), {key: inner(str(key), child) for key, child in tree.items()})
    if _holds_tensors(tree):
        twin = copy.copy(tree)
        for name, child in _children(tree):
            setattr(twin, name, inner(name, child))
        return twin
    return tree


def clone(tree: Any) -> Any:
    """Return the tree with its own copies of all tensors, detached. The copies share nothing with the loop."""
    return replaced(tree, lambda _path, tensor: tensor.detach().clone())


def cut(tree: Any, batch_size: int, keep: int) -> Any:
    """Return the tree with the first `keep` samples of every tensor (and list) that runs along the batch."""

    def shorter(_path: str, tensor: Tensor) -> Tensor:
        return tensor[:keep] if tensor.dim() > 0 and tensor.shape[0] == batch_size else tensor

    return _cut_lists(replaced(tree, shorter), batch_size, keep)


def batch_size(tree: Any) -> int:
    """Return the common first dimension of the tensors: that of most leaves, 0 if there is none."""
    sizes = [tensor.shape[0] for _, tensor in leaves(tree) if tensor.dim() > 0]
    return max(set(sizes), key=sizes.count) if sizes else 0


def size_in_bytes(tree: Any) -> int:
    """Return the memory that the tensors of the tree take."""
    return sum(tensor.numel() * tensor.element_size() for _, tensor in leaves(tree))


def permuted(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return the tensor with every feature permuted across the batch on its own.

    Each feature keeps its marginal distribution and its range; what ties the features of a sample to one another and
    to its target is gone. The generator is ours: the user's random stream is not touched.
    """
    if tensor.dim() == 0 or tensor.shape[0] < 2:
        return tensor
    flat = tensor.reshape(tensor.shape[0], -1)
    order = torch.rand(flat.shape, generator=generator).argsort(dim=0).to(flat.device)
    return torch.gather(flat, 0, order).reshape(tensor.shape)


def redrawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return the samples of a leaf drawn anew, with replacement, from among themselves."""
    chosen = torch.randint(len(tensor), (len(tensor),), generator=generator)
    return tensor[chosen.to(tensor.device)]


def _children(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        yield from ((str(key), child) for key, child in list(tree.items())[:MOST_LEAVES])
    elif isinstance(tree, tuple | list):
        if len(tree) <= MOST_LEAVES:
            yield from ((str(i), child) for i, child in enumerate(tree))
    elif is_dataclass(tree) and not isinstance(tree, type):
        yield from ((field.name, getattr(tree, field.name, None)) for field in fields(tree))
    elif _holds_tensors(tree):
        yield from ((name, child) for name, child in vars(tree).items() if isinstance(child, Tensor))


def _holds_tensors(tree: Any) -> bool:
    if isinstance(tree, type | torch.nn.Module) or callable(tree):
        return False
    attributes = getattr(tree, "__dict__", None)
    return attributes is not None and any(isinstance(child, Tensor) for child in attributes.values())


def _filled(twin: Any, items: dict[Any, Any]) -> Any:
    for key, child in items.items():
        twin[key] = child
    return twin


def _cut_lists(tree: Any, size: int, keep: int) -> Any:
    """Cut lists of strings or numbers that run along the batch; the tensors have been cut already."""
    if isinstance(tree, dict):
        return _filled(copy.copy(tree), {key: _cut_lists(child, size, keep) for key, child in tree.items()})
    if isinstance(tree, list | tuple) and not hasattr(tree, "_fields"):
        plain = all(isinstance(child, str | int | float | bool) for child in tree)
        if plain and len(tree) == size and size > keep:
            return type(tree)(tree[:keep])
        return type(tree)(_cut_lists(child, size, keep) for child in tree)
    return tree
