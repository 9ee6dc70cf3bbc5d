"""Treatments of the data: what the loop is fed instead of the batches that it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.feeds.tree import leaves, replaced
from nndoctor.treatments.base import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_COLUMNS = 4096
"""Features that are standardised one by one; of larger samples (images) each channel is."""
TINY = 1e-6


class StandardiseInputs(Treatment):
    """Brings the inputs to mean 0 and standard deviation 1, each column of a table, each channel of an image."""

    def unfit(self) -> str:
        """There has to be a floating-point input that is known to be one."""
        store = self.ground.conductor.store
        return "" if _some(store.content, store.input_paths) else "no floating-point input of the model is known"

    def content(self, batches: list[Any], *, measuring: bool) -> list[Any]:
        """Take the statistics from all that was recorded."""
        store = self.ground.conductor.store
        return _standardised(batches, store.content, store.input_paths)


class StandardiseTargets(Treatment):
    """Brings floating-point targets to mean 0 and standard deviation 1. The loss is another one then."""

    by_score = True

    def unfit(self) -> str:
        """There has to be a floating-point target that is known to be one."""
        store = self.ground.conductor.store
        return "" if _some(store.content, store.target_paths) else "no floating-point target is known"

    def content(self, batches: list[Any], *, measuring: bool) -> list[Any]:
        """Take the statistics from all that was recorded."""
        store = self.ground.conductor.store
        return _standardised(batches, store.content, store.target_paths)


class Shuffle(Treatment):
    """Serves batches of samples in random order: drawn from the data set where that can be, else from the recorded."""

    def unfit(self) -> str:
        """The batches have to be of one shape, and not one and the same."""
        conductor = self.ground.conductor
        if conductor.loader_feed.drawn(1, 0):
            return ""
        batches = conductor.store.content
        if len(batches) > 1 and all(_same(batches[0], batch) for batch in batches[1:]):
            return "all batches are the same, and the loop asks no loader for others"
        return "" if remixed(batches, 0) else "the batches cannot be mixed: unlike shapes"

    def content(self, batches: list[Any], *, measuring: bool) -> list[Any]:
        """Only what is trained on: the measured batches are mixed already."""
        if measuring:
            return batches
        drawn = self.ground.conductor.loader_feed.drawn(len(batches), self.ground.repetition)
        return drawn or remixed(batches, self.ground.repetition) or batches


class DropNonFinite(Treatment):
    """Leaves out the samples with NaN or Inf. The measured batches lose theirs on both sides."""

    lens = "drop-non-finite"

    def unfit(self) -> str:
        """Some batch has to be left."""
        return "" if self.content(self.ground.conductor.store.content, measuring=False) else "no batch is finite"

    def content(self, batches: list[Any], *, measuring: bool) -> list[Any]:
        """A batch of which nothing is left is not served."""
        kept = (_finite(batch) for batch in batches)
        return [batch for batch in kept if batch is not None]


def remixed(batches: list[Any], seed: int) -> list[Any] | None:
    """Return batches of the same sizes with the samples of all of them mixed; None where they cannot be.

    Every leaf that runs along the batch is mixed in the same way; others stay where they are.
    """
    if not batches:
        return None
    sizes = [_size(batch) for batch in batches]
    shapes = [[(p, t.shape[1:], t.dtype) for p, t in _rows(batch, n)] for batch, n in zip(batches, sizes, strict=True)]
    if not all(sizes) or not shapes[0] or any(s != shapes[0] for s in shapes):
        return None
    order = torch.randperm(sum(sizes), generator=torch.Generator().manual_seed(seed))
    columns = [dict(_rows(batch, n)) for batch, n in zip(batches, sizes, strict=True)]
    together = {path: torch.cat([c[path] for c in columns]) for path in columns[0]}
    mixed, begin = [], 0
    for batch, size in zip(batches, sizes, strict=True):
        chosen = order[begin : begin + size]
        begin += size

        def change(path: str, tensor: Tensor, chosen: Tensor = chosen) -> Tensor:
            return together[path][chosen.to(tensor.device)] if path in together else tensor

        mixed.append(_changed(batch, change))
    return mixed


def _same(one: Any, other: Any) -> bool:
    """Whether two batches hold the same values."""
    pairs = list(zip(_leaves(one), _leaves(other), strict=False))
    return bool(pairs) and all(a.shape == b.shape and torch.equal(a, b) for (_, a), (_, b) in pairs)


def _changed(batch: Any, change: Callable[[str, Tensor], Tensor]) -> Any:
    """Apply a change to an iteration's batch or batches, or to its tensors by slot (whose keys are no strings)."""
    if _by_slot(batch):
        return {slot: change(_slot_path(slot), tensor) for slot, tensor in batch.items()}
    return replaced(batch, change)


def _leaves(batch: Any) -> Iterable[tuple[str, Tensor]]:
    if _by_slot(batch):
        return [(_slot_path(slot), tensor) for slot, tensor in batch.items()]
    return leaves(batch)


def _by_slot(batch: Any) -> bool:
    return isinstance(batch, dict) and all(isinstance(key, tuple) for key in batch)


def _slot_path(slot: tuple[str, int, str]) -> str:
    return f"{slot[0]}:{slot[2]}#{slot[1]}"


def _matches(path: str, wanted: set[str]) -> bool:
    """Whether a leaf of an iteration is one of those known by their path within a batch (or by their slot)."""
    within = path.partition(".")[2] or "0"  # an iteration is a list of batches, of which one may be a bare tensor
    return path.partition("#")[0] in wanted or within in wanted


def _size(batch: Any) -> int:
    sizes = [tensor.shape[0] for _, tensor in _leaves(batch) if tensor.dim() > 0]
    return max(set(sizes), key=sizes.count) if sizes else 0


def _rows(batch: Any, size: int) -> list[tuple[str, Tensor]]:
    return [(path, t) for path, t in _leaves(batch) if t.dim() > 0 and t.shape[0] == size]


def _some(batches: list[Any], wanted: set[str]) -> bool:
    return any(_matches(p, wanted) and t.is_floating_point() for batch in batches[:1] for p, t in _leaves(batch))


def _standardised(batches: list[Any], known: list[Any], wanted: set[str]) -> list[Any]:
    found: dict[str, list[Tensor]] = {}
    for batch in known:
        for path, tensor in _leaves(batch):
            if _matches(path, wanted) and tensor.is_floating_point() and tensor.dim() > 0:
                found.setdefault(path, []).append(tensor)
    moments = {path: _moments(tensors) for path, tensors in found.items()}

    def change(path: str, tensor: Tensor) -> Tensor:
        if path not in moments:
            return tensor
        mean, std = (m.to(tensor) for m in moments[path])
        return (tensor - mean) / std

    return [_changed(batch, change) for batch in batches]


def _moments(tensors: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation, in shapes that broadcast against one sample."""
    first = tensors[0]
    by_column = first.dim() == 2 and first.shape[1] <= MOST_COLUMNS
    values = torch.cat(
        [t.detach().reshape(-1, *t.shape[1:]).double() for t in tensors if t.shape[1:] == first.shape[1:]]
    )
    axes = [0] if by_column else [d for d in range(first.dim()) if d != 1 or first.dim() < 3]
    mean = values.mean(dim=axes, keepdim=True)
    std = values.std(dim=axes, keepdim=True, correction=0)
    overall = float(values.std(correction=0)) if values.numel() > 1 else 1.0
    std = torch.where(std > TINY * max(overall, TINY), std, torch.ones_like(std))
    return mean, std


def _finite(batch: Any) -> Any:
    size = _size(batch)
    kept: Tensor | None = None
    for _, tensor in _rows(batch, size):
        if tensor.is_floating_point():
            good = torch.isfinite(tensor).reshape(size, -1).all(dim=1).cpu()
            kept = good if kept is None else kept & good
    if kept is None or bool(kept.all()):
        return batch
    if int(kept.sum()) < 2:  # what is left is no batch: BatchNorm wants two
        return None
    rows = {path for path, _ in _rows(batch, size)}
    return _changed(batch, lambda path, tensor: tensor[kept.to(tensor.device)] if path in rows else tensor)
