"""The state of the step in which the first NaN or Inf appeared, kept for a replay; bounded in size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nndoctor.feeds.tree import clone, leaves

if TYPE_CHECKING:
    from pathlib import Path

    from nndoctor.watching.monitor import Monitor

NAME = "non-finite.pt"
MOST_BATCH = 256 * 2**20
MOST_WEIGHTS = 2 * 2**30
"""Bytes; what is larger is left out, and the file says so."""


def keep_state(folder: Path, monitor: Monitor) -> str:
    """Write batch, weights and torch's random state of the step; return the file's path, or why there is none.

    The file is a dictionary for `torch.load(..., weights_only=True)`: `step`, `batch` (tensors by their path in the
    batch), `weights` (state_dict by model), `random_state` (for `torch.set_rng_state`), `left_out` (names).
    """
    batch = dict(leaves(monitor.batch))
    weights: dict[str, dict[str, Any]] = {}
    for function, *_ in monitor.calls:
        if isinstance(function, nn.Module) and (state := function.state_dict()):
            weights[monitor.names.path(function)] = state
    content: dict[str, Any] = {"step": monitor.step, "random_state": monitor.random_state, "left_out": []}
    for name, value, most in (("batch", batch, MOST_BATCH), ("weights", weights, MOST_WEIGHTS)):
        if sum(t.numel() * t.element_size() for _, t in leaves(value)) > most:
            content["left_out"].append(name)
        else:
            content[name] = clone(value)
    path = folder / NAME
    try:
        torch.save(content, path)
    except (OSError, RuntimeError) as error:
        return f"could not be written ({error})"
    return str(path)
