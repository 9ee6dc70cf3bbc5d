"""Batches of samples that are drawn at random from a loader's data set, whatever the order of its own."""

from __future__ import annotations

import time
from typing import Any

import torch

from nndoctor.feeds.state import RandomState

MOST_SECONDS = 5.0


def drawn(loader: Any, count: int, seed: int) -> list[Any] | None:
    """Return so many batches, collated as the loader does; None where the data set cannot be asked for samples.

    Draws nothing from the random generators of the script.
    """
    dataset, collate, size = (getattr(loader, name, None) for name in ("dataset", "collate_fn", "batch_size"))
    if not (size and callable(collate) and hasattr(dataset, "__getitem__")):
        return None
    began = time.monotonic()
    state = RandomState()
    try:
        total = len(dataset)  # type: ignore[arg-type]
        generator = torch.Generator().manual_seed(seed)
        order: list[int] = []
        while len(order) < count * size and total >= size:
            order += torch.randperm(total, generator=generator).tolist()
        batches = []
        for number in range(count):
            if time.monotonic() - began > MOST_SECONDS:
                return None
            batches.append(collate([dataset[i] for i in order[number * size : (number + 1) * size]]))  # type: ignore[index]
    except Exception:  # noqa: BLE001 - the user's own class; what it cannot do is not asked for
        return None
    finally:
        state.restore()
    return batches if total >= size else None
