"""The models of a watched training: rows for their modules and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndoctor.records import Module, Parameter, TensorStats

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from torch import nn

    from nndoctor.names import Names

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
