"""The parameters as they are before training: what a weight's updates are measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from nndoctor.records import TensorStats
from nndoctor.watching import figures
from nndoctor.watching.samples import Column, Taken
from nndoctor.watching.views import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor


@torch.no_grad()
def statistics(parameters: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, TensorStats]]:
    """Yield name and statistics of each parameter, from a bounded sample of it."""
    for name, parameter in parameters:
        values = values_of(parameter)
        if values is not None:
            column = Column("weight", name, parameter.numel(), values.numel())
            [row] = figures.rows([Taken(0, 0, (column,), (values.float(),))])
            yield name, TensorStats(**dict(zip(figures.FIELDS, row, strict=True)))
