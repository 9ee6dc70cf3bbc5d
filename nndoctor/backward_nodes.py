"""Names of autograd's backward nodes, as the recording keeps them: what stands before the nearest layer."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LAYER_NODES = ("Addmm", "Mm", "Mv", "Bmm", "Baddbmm", "Addbmm", "Conv", "Cudnn", "Miopen", "Mkldnn", "Linear", "Embed")
"""How the backward nodes of layers with weights begin: what lies behind the first of them is not the loss's input."""


def head(graph: Sequence[str]) -> tuple[str, ...]:
    """Return the backward nodes between a tensor and the last layer with weights, nearest first."""
    return tuple(takewhile(lambda node: not node.startswith(LAYER_NODES), graph))


def layer(graph: Sequence[str]) -> str:
    """Return the backward node of the nearest layer, empty where the graph shows none."""
    return next((node for node in graph if node.startswith(LAYER_NODES)), "")
