"""Does the loader hand on what the data set returns? Known samples are put through its collate function.

Each sample is fetched by itself and copied; then all of them are fetched together and collated, as the loader does it.
Only what is the same whenever it is fetched is compared: augmentation and mixing at random show nothing here. A row of
the batch counts as a sample if it holds the same values in any order, so that dimensions may be exchanged, and padding
may follow or precede them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nndoctor.experiments.scan import sample_leaves
from nndoctor.feeds.tree import leaves
from nndoctor.places import shown_file
from nndoctor.records import Collation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    Array = np.ndarray[Any, Any]

COMPARED = 8
"""Samples; each is fetched four times."""
MOST_VALUES = 1 << 20
"""Of a sample; larger ones are not compared."""
FRACTIONS = 0.1
"""Share of the values of a leaf that must be fractions for it to be no list of whole numbers."""


@dataclass(slots=True)
class Match:
    """A leaf of the batch beside that of the samples which it was made of."""

    path: str
    source: str
    found: list[set[int]]
    """By row: the samples whose values it holds."""


def collations(name: str, loader: Any, roles: dict[str, str], deadline: float) -> Iterator[Collation]:
    """Yield a row for every leaf of the batch that could be compared."""
    dataset = loader.dataset
    if not getattr(loader, "_auto_collation", False) or len(dataset) < 2:
        return
    count = min(COMPARED, len(dataset))
    chosen = [i * len(dataset) // count for i in range(count)]
    alone = _alone(dataset, chosen)
    batch = {path: _plain(t) for path, t in leaves(_together(loader, chosen))}
    if time.monotonic() > deadline:
        return
    alone = _unchanged(alone, _alone(dataset, chosen))
    batch = _unchanged(batch, {path: _plain(t) for path, t in leaves(_together(loader, chosen))})
    matches = [m for path, values in batch.items() if (m := _matched(path, values, alone, count)) is not None]
    inputs = [m for m in matches if roles.get(m.path) == "input"]
    for match in matches:
        role = roles.get(match.path, "")
        row = _judged(match, batch[match.path], alone[match.source])
        row = replace(row, loader=name, role=role, collate=getattr(loader.collate_fn, "__name__", ""), compared=count)
        if role == "target":
            row = replace(row, mispaired=max((_mispaired(i, match) for i in inputs), default=0))
        yield _placed(row, loader.collate_fn, dataset)


def _alone(dataset: Any, chosen: list[int]) -> dict[str, list[Array]]:
    found: dict[str, list[Array]] = {}
    for index in chosen:
        for path, tensor in sample_leaves(dataset[index]):
            found.setdefault(path, []).append(_plain(tensor).copy())
    return {path: column for path, column in found.items() if len(column) == len(chosen)}


def _together(loader: Any, chosen: list[int]) -> Any:
    dataset = loader.dataset
    many = getattr(dataset, "__getitems__", None)
    return loader.collate_fn(many(chosen) if many else [dataset[i] for i in chosen])


def _plain(tensor: Tensor) -> Array:
    plain = tensor.detach().cpu()
    return (plain.float() if plain.dtype.is_floating_point else plain).numpy().copy()


def _unchanged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return the leaves that are the same in both."""
    return {path: values for path, values in first.items() if path in second and _same(values, second[path])}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


# ---- which row is which sample


def _matched(path: str, values: Array, alone: dict[str, list[Array]], count: int) -> Match | None:
    """Find what a leaf of the batch was made of: the leaf of that name, else the one that explains most rows."""
    if values.size > MOST_VALUES * count or values.dtype.kind not in "biuf":
        return None
    candidates = [Match(path, source, _rows(values, column)) for source, column in alone.items()]
    candidates = [m for m in candidates if m.found]
    named = next((m for m in candidates if m.source == path), None)
    best = max(candidates, key=lambda m: sum(map(bool, m.found)), default=None)
    if best is None or (named is not None and sum(map(bool, named.found)) == sum(map(bool, best.found))):
        return named
    return best if any(best.found) else named


def _rows(values: Array, column: list[Array]) -> list[set[int]]:
    """Return by row which samples it holds, along whichever dimension explains most; nothing if none fits."""
    best: list[set[int]] = []
    for dim in [d for d, size in enumerate(values.shape) if size == len(column)]:
        rows = np.moveaxis(values, dim, 0).reshape(len(column), -1)
        if any(sample.size > rows.shape[1] for sample in column):
            continue
        keys = [_key(sample.astype(values.dtype)) for sample in column]
        found = [_samples_in(row, column, keys) for row in rows]
        if not best or sum(map(bool, found)) > sum(map(bool, best)):
            best = found
    return best


def _key(values: Array) -> bytes:
    return np.sort(values, axis=None).tobytes()


def _samples_in(row: Array, column: list[Array], keys: list[bytes]) -> set[int]:
    """Return the samples that a row may be: the same values in any order, or the sample between padding."""
    own = _key(row)
    return {j for j, s in enumerate(column) if (keys[j] == own if s.size == row.size else _padded(row, s))}


def _padded(row: Array, sample: Array) -> bool:
    flat, size = sample.astype(row.dtype).reshape(-1), sample.size
    padded_behind = np.array_equal(row[:size], flat) and bool((row[size:] == row[-1]).all())
    padded_before = size > 0 and np.array_equal(row[-size:], flat) and bool((row[:-size] == row[0]).all())
    return padded_behind or padded_before


# ---- what it means


def _judged(match: Match, values: Array, column: list[Array]) -> Collation:
    found = match.found
    row = Collation(
        leaf=match.path,
        kept=sum(i in samples for i, samples in enumerate(found)),
        moved=sum(i not in samples and bool(samples) for i, samples in enumerate(found)),
    )
    distinct = len({_key(sample) for sample in column}) == len(column)
    if all(found) and distinct:
        row = replace(row, missing=len(column) - len(set.union(*found)))
    whole = np.concatenate([sample.reshape(-1) for sample in column]).astype(values.dtype)
    if distinct and values.size == whole.size and _key(values) == _key(whole):
        row = replace(row, mixed=sum(not samples for samples in found))
    return replace(row, truncated=_truncated(values, column))


def _truncated(values: Array, column: list[Array]) -> bool:
    """Whether fractions became whole numbers: the batch is the samples without what follows the point."""
    if column[0].dtype.kind != "f" or values.size != sum(sample.size for sample in column):
        return False
    whole = np.stack([sample.reshape(-1) for sample in column]).reshape(-1)
    rows = values.reshape(-1).astype(whole.dtype)
    fractions = np.isfinite(whole) & (whole != np.trunc(whole))
    if not fractions.mean() >= FRACTIONS:
        return False
    return bool(np.array_equal(rows, np.trunc(whole)) or np.array_equal(rows, np.rint(whole)))


def _mispaired(inputs: Match, targets: Match) -> int:
    """Count the rows whose input is known, but whose target is not that sample's."""
    if not all(targets.found) or len(inputs.found) != len(targets.found):
        return 0
    rows = zip(inputs.found, targets.found, strict=True)
    return sum(len(sample) == 1 and not sample & answers for sample, answers in rows)


def _placed(row: Collation, collate: Any, dataset: Any) -> Collation:
    plain = getattr(collate, "func", collate)  # of a partial
    for owner in (plain, type(plain).__call__, type(dataset).__getitem__):
        code = getattr(owner, "__code__", None)
        file = shown_file(code.co_filename) if code is not None else ""
        if code is not None and file:
            return replace(row, file=file, line=code.co_firstlineno, function=code.co_name)
    return row
