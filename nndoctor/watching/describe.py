"""Rows for the models, optimizers and loaders of a watched training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nndoctor.feeds.tree import leaves
from nndoctor.records import Loader, Module, Optimizer, Parameter, TensorStats

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from torch import nn

    from nndoctor.names import Names, Place

UNKNOWN = TensorStats()


def described(
    names: Names,
    optimizers: Iterable[Any],
    orders: Mapping[str, int],
    *,
    start: Mapping[str, TensorStats],
    loaded: Container[nn.Module],
) -> Iterator[Module | Parameter]:
    """Yield a row for every module and parameter.

    `orders` are the modules' positions in the forward pass, `start` the parameters as they were before their first
    step, `loaded` the modules whose weights came from a state dict.
    """
    holders = {
        id(p): (names.numbered(optimizer), group.get("lr"))
        for optimizer in optimizers
        for group in optimizer.param_groups
        for p in group["params"]
    }
    for root, root_name in names.roots():
        for module in root.modules():
            path = names.path(module)
            own = list(module.named_parameters(recurse=False))
            yield Module(
                name=path,
                type=type(module).__name__,
                root=root_name,
                order=orders.get(path, -1),
                parameters=sum(p.numel() for _, p in own),
                children=sum(1 for _ in module.children()),
            )
            for _, parameter in own:
                known = names.parameter(parameter)
                if known is None:
                    continue
                holder, rate = holders.get(id(parameter), ("", None))
                first = start.get(known[0], UNKNOWN)
                yield Parameter(
                    name=known[0],
                    module=path,
                    module_type=type(module).__name__,
                    root=root_name,
                    shape=tuple(parameter.shape),
                    numel=parameter.numel(),
                    requires_grad=parameter.requires_grad,
                    optimizer=holder,
                    loaded=module in loaded,
                    mean=first.mean,
                    std=first.std,
                    absmax=first.absmax,
                    order=orders.get(path, -1),
                    lr=float(rate) if isinstance(rate, int | float) else float("nan"),
                )


def optimizer_row(optimizer: Any, name: str, place: Place) -> Optimizer:
    """Return the row of an optimizer that was built at a place; the settings are those of its first group."""
    group = optimizer.param_groups[0] if optimizer.param_groups else {}
    betas = group.get("betas") or (math.nan, math.nan)
    file, line, function = place
    return Optimizer(
        name=name,
        type=type(optimizer).__name__,
        lr=_number(group.get("lr")),
        momentum=_number(group.get("momentum")),
        weight_decay=_number(group.get("weight_decay")),
        eps=_number(group.get("eps")),
        beta1=_number(betas[0]),
        beta2=_number(betas[1]),
        groups=len(optimizer.param_groups),
        parameters=sum(len(g["params"]) for g in optimizer.param_groups),
        file=file,
        line=line,
        function=function,
    )


def loader_row(iterator: Any, name: str, place: Place) -> Loader:
    """Return the row of a loader, from one of its iterators."""
    file, line, function = place
    return Loader(
        name=name,
        dataset=name,
        dataset_type=type(iterator._dataset).__name__,
        workers=int(iterator._num_workers),
        file=file,
        line=line,
        function=function,
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def rate_of(groups: Any) -> float:
    """Return the greatest learning rate of an optimizer's groups, NaN where they have none."""
    if len(groups) == 1:
        rate = groups[0].get("lr", math.nan)
        return rate if type(rate) is float else float(rate)
    return max((float(group["lr"]) for group in groups if "lr" in group), default=math.nan)


def size_of(batch: Any) -> int:
    """Return the first dimension of the first tensor of a batch, 0 where there is none."""
    first = batch[0] if type(batch) in (list, tuple) and batch else batch
    if not isinstance(first, Tensor):
        first = next((tensor for _, tensor in leaves(batch)), None)
    return int(first.shape[0]) if first is not None and first.dim() else 0
