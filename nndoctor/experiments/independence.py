"""The experiment `independence`: does the output for one sample depend on another, and on the input at all?

In eval mode, where BatchNorm does not mix, one sample of the batch is exchanged for another; the outputs of the other
samples must stay as they were. (The test of Karpathy's "recipe for training neural networks", done forward.)
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.experiments.calls import difference, numbers, outputs, results, set_mode, undisturbed
from nndoctor.feeds.state import RandomState
from nndoctor.feeds.tree import leaves, replaced
from nndoctor.fingerprint import is_order, row_hashes
from nndoctor.records import Independence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.feeds.state import Snapshot
    from nndoctor.session import Call

CHANGED = 1e-4
"""Share of the sample's own change from which another sample's counts as changed; float32 sums stay far below."""


def independence(name: str, call: Call, batch_size: int, *, from_loader: bool) -> Iterator[Independence]:
    """Yield a row for every input leaf of the model's call that has the batch as a dimension.

    Where it is not known how many samples a batch holds (lists of samples, a single one), only the whole input is
    exchanged, and only numbers that noise can be added to: tokens may come in an order that does not matter.
    """
    file, line, function = call.place
    arguments = (call.args, call.kwargs)
    tensors = [(path, t) for path, t in leaves(arguments) if not t.requires_grad and t.dim() > 0 and t.numel() > 0]
    # An adjacency (square), or indices of edges (without the batch): samples are meant to interact.
    graph_like = len(tensors) > 1 and any(
        batch_size not in t.shape or (t.dim() == 2 and t.shape[0] == t.shape[1]) for _, t in tensors
    )
    whole = batch_size < 2
    if whole and not all(tensor.is_floating_point() for _, tensor in tensors):
        return
    with undisturbed(call.module):
        set_mode(call.module, training=False)
        for path, tensor in tensors:
            dims = [0] if whole else [d for d, size in enumerate(tensor.shape) if size == batch_size]
            if not dims:
                continue
            row = Independence(
                module=name,
                leaf=path,
                batch_size=batch_size,
                input_dim=dims[0],
                graph_like=graph_like,
                from_loader=from_loader and dims[0] == 0 and not whole,
                file=file,
                line=line,
                function=function,
            )
            try:
                yield _judged(row, call, arguments, tensor, whole=whole)
            except Exception as error:  # noqa: BLE001 - a model that cannot be called again is no fault
                yield replace(row, why=f"{type(error).__name__}: {error}")


def from_the_start(rows: list[Independence], call: Call, start: Snapshot, now: Snapshot) -> list[Independence]:
    """Return the rows, those of a model that nothing changes any more with what it was like when training began.

    A run that diverged ends with dead units and a constant output; that says nothing of how the input is connected.
    """
    if not any(not row.depends for row in rows):
        return rows
    start.restore()
    try:
        with undisturbed(call.module):
            set_mode(call.module, training=False)
            return [replace(row, depended=not row.depends and _depends(row, call)) for row in rows]
    finally:
        now.restore()


def _depends(row: Independence, call: Call) -> bool:
    arguments, seed = (call.args, call.kwargs), RandomState()
    tensor = dict(leaves(arguments))[row.leaf]
    other = _another(tensor, row.input_dim, everything=True)
    args, kwargs = replaced(arguments, lambda path, t: other if path == row.leaf else t)
    before = outputs(call.module, call.args, call.kwargs, seed)
    return difference(outputs(call.module, args, kwargs, seed), before) != 0.0


def _judged(row: Independence, call: Call, arguments: tuple[Any, Any], tensor: Tensor, *, whole: bool) -> Independence:
    seed = RandomState()

    def run(changed: Tensor) -> list[Tensor]:
        args, kwargs = replaced(arguments, lambda path, t: changed if path == row.leaf else t)
        return results(call.module, args, kwargs, seed)

    given = run(tensor)
    base = numbers(given)
    if not base or not all(bool(torch.isfinite(t).all()) for t in base):
        return replace(row, why="the output is not finite, or no tensor")
    if difference(numbers(run(tensor)), base) != 0.0:
        return replace(row, why="the output differs from call to call")
    other = numbers(run(_another(tensor, row.input_dim, everything=True)))
    row = replace(row, depends=difference(other, base) != 0.0)
    if whole:
        return row
    # Whole numbers are decisions (labels, masks), which an input can leave as they are.
    graded = [(a, b) for a, b in zip(other, base, strict=False) if not torch.equal(b, b.round())]
    shown = [(a, b) for a, b in graded if _by_sample(b, row.batch_size) is not None]
    row = replace(row, loss_only=row.depends and bool(shown) and all(torch.equal(a, b) for a, b in shown))
    taken = run(_another(tensor, row.input_dim, everything=False))
    ways = [_compared(row, b, a) for b, a in zip(_arranged(given, row), _arranged(taken, row), strict=False)]
    if any(_reordered(t, given, row.batch_size) for _, t in leaves(arguments)):
        ways.append(_compared(row, *_matched(_arranged(given, row)[0], _arranged(taken, row)[0])))
    return min(ways, key=lambda way: way.mixed if way.mixed >= 0 else math.inf)


def _reordered(tensor: Tensor, returned: list[Tensor], size: int) -> bool:
    """Whether a model hands out what it was given (labels) with its rows in another order."""
    alike = [t for t in returned if t.dim() and len(t) == size and t.shape == tensor.shape and t.dtype == tensor.dtype]
    return any(not torch.equal(t, tensor) and sorted(row_hashes(t)) == sorted(row_hashes(tensor)) for t in alike)


def _matched(
    before: list[Tensor | None], after: list[Tensor | None]
) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """Put beside each row of the outputs the one that is nearest to it, and first the row that none is near to."""
    pairs = [(b, a) for b, a in zip(before, after, strict=True) if b is not None and a is not None]
    if not pairs or any(b.shape != a.shape for b, a in pairs):
        return before, after
    one, other = (torch.cat(side, dim=1) for side in zip(*pairs, strict=True))
    gaps, nearest = torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)
    first = gaps.argsort(descending=True)
    return [one[first]], [other[nearest[first]]]


def _arranged(tensors: list[Tensor], row: Independence) -> list[list[Tensor | None]]:
    """Return the outputs by sample, and put back as well where the model also returns an order of the batch.

    Rows sorted by length come out in that order, with the index that sorted them or the one that puts them back.
    """
    found = [_by_sample(t, row.batch_size) for t in numbers(tensors)]
    order = next((t for t in tensors if is_order(t, row.batch_size)), None)
    indices = [] if order is None else [order.argsort(), order]
    return [found, *([None if t is None else t[index] for t in found] for index in indices)]


def _compared(row: Independence, before: list[Tensor | None], after: list[Tensor | None]) -> Independence:
    pairs = [
        (_without_column(a), _without_column(b))
        for a, b in zip(before, after, strict=True)
        if a is not None and b is not None and a.shape == b.shape
    ]
    if not pairs:
        return replace(row, why="no output has the batch as a dimension")
    gaps = sum((a - b).norm(dim=1) for a, b in pairs)
    sizes = sum(a.norm(dim=1) for a, _ in pairs)
    relative = gaps / (sizes + 1e-12)
    moved, others = float(relative[0]), relative[1:]
    if not math.isfinite(moved):
        return row
    changed = others > CHANGED * max(moved, 1e-3)
    return replace(row, mixed=float(changed.float().mean()), moved=moved, leak=float(others.max()))


def _without_column(tensor: Tensor) -> Tensor:
    """Return a square of similarities between samples (CLIP's logits) without the column of the one that was changed.

    Of the rows of the others, that is; its own keeps it. Of a classifier that has as many classes the rest is enough.
    """
    if tensor.shape[0] != tensor.shape[1] or len(tensor) < 3:
        return tensor
    kept = tensor.clone()
    kept[1:, 0] = 0.0
    return kept


def _by_sample(tensor: Tensor, batch_size: int) -> Tensor | None:
    """Return an output as (sample, values): its batch dimension first, or a flattened one taken apart."""
    dims = [d for d, size in enumerate(tensor.shape) if size == batch_size]
    if dims:
        return tensor.movedim(dims[0], 0).reshape(batch_size, -1)
    if tensor.dim() > 1 and tensor.shape[0] > batch_size and tensor.shape[0] % batch_size == 0:
        return tensor.reshape(batch_size, -1)
    return None


def _another(tensor: Tensor, dim: int, *, everything: bool) -> Tensor:
    """Return the input with its first sample (or every sample) exchanged for something else of the same range."""
    moved = tensor.movedim(dim, 0).clone()
    if moved.is_floating_point():
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(moved.shape, generator=generator).to(moved) * (moved.std() if moved.numel() > 1 else 1.0)
        other = moved.roll(1, 0) + (noise if bool(noise.any()) else torch.ones_like(moved))
    else:
        other = moved.roll(1, 0)
        if bool((other[0] == moved[0]).all()):
            other = moved.flip(0) if moved.dim() == 1 else moved.roll(1, -1)
    if everything:
        moved = other
    else:
        moved[0] = other[0]
    return moved.movedim(0, dim)
