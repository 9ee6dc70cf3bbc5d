"""What is in the training set? Asked of the data set, bounded in samples and seconds, when the script is over."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from nndoctor.experiments.drift import drift
from nndoctor.experiments.overlap import resolved
from nndoctor.fingerprint import row_hashes
from nndoctor.places import shown_file
from nndoctor.records import Scan

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SAMPLES = 2000
MOST_SECONDS = 10.0
STACKED = 10
"""Times as many samples of a TensorDataset, which need not be asked one by one."""
MOST_BYTES = 1 << 27
MOST_CLASSES = 1000
COMPARED = 200
"""Samples by which the probability of a collision is judged; all pairs of them are compared."""
COMPARED_COLUMNS = 512

Column = Tensor | list[Tensor]
Columns = dict[str, Column]
"""By leaf: one tensor per sample."""


def drifts(training: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Return by id of each data set what `drift` says of it.

    To be asked before anything else is: a transform in place comes to rest the more often samples are fetched.
    """
    deadline = time.monotonic() + MOST_SECONDS
    found: dict[int, dict[str, Any]] = {}
    for dataset in training.values():
        if not _can_be_asked(dataset) or isinstance(resolved(dataset)[0], TensorDataset):
            continue
        with suppress(Exception):  # a data set that is closed by now, or the user's own fault in it
            found.setdefault(id(dataset), drift(dataset, deadline))
    return found


def scans(
    training: dict[str, Any],
    roles: dict[str, dict[str, str]],
    most: int = MOST_SAMPLES,
    drifting: dict[int, dict[str, Any]] | None = None,
) -> Iterator[Scan]:
    """Yield a row for each data set. `roles` tells, by loader, what the leaves of its batches were used as.

    Of each, `most` samples are looked at, of a `TensorDataset` ten times as many. `drifting` is what `drifts` said.
    """
    seen: set[int] = set()
    deadline = time.monotonic() + MOST_SECONDS
    for name, dataset in training.items():
        if id(dataset) in seen or not _can_be_asked(dataset) or time.monotonic() > deadline:
            continue
        seen.add(id(dataset))
        try:
            row = scan(dataset, roles.get(name, {}), deadline, most)
        except Exception:  # noqa: BLE001, S112 - a data set that is closed by now, or the user's own fault in it
            continue
        yield replace(row, loader=name, **(drifting or {}).get(id(dataset), {}))


def scan(dataset: Any, roles: dict[str, str], deadline: float, most: int = MOST_SAMPLES) -> Scan:
    """Return what was found in a data set, of samples at even distances."""
    total = len(dataset)
    base, indices = resolved(dataset)
    if isinstance(base, TensorDataset):
        known = _stacked(base, indices, STACKED * most)
    else:
        known = _asked(dataset, total, most, deadline)
    row = Scan(dataset=type(base).__name__, total=total, samples=max(map(len, known.values()), default=0))
    return replace(_placed(row, base), **_judged(known, roles))


def _can_be_asked(dataset: Any) -> bool:
    if not isinstance(dataset, Dataset) or isinstance(dataset, IterableDataset):
        return False
    return hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")


def _placed(row: Scan, dataset: Any) -> Scan:
    code = getattr(type(dataset).__getitem__, "__code__", None)
    file = shown_file(code.co_filename) if code is not None else ""
    if not file or code is None:
        return row
    return replace(row, file=file, line=code.co_firstlineno, function=code.co_name)


# ---- the samples


def _spread(total: int, most: int) -> list[int]:
    most = min(total, most)
    return [i * total // most for i in range(most)]


def _stacked(dataset: TensorDataset, indices: list[int] | None, most: int) -> Columns:
    rows = len(dataset) if indices is None else len(indices)
    per_sample = sum(t[:1].numel() * t.element_size() for t in dataset.tensors) or 1
    chosen = torch.tensor(_spread(rows, min(most, max(2, MOST_BYTES // per_sample))), dtype=torch.long)
    if indices is not None:
        chosen = torch.tensor(indices, dtype=torch.long)[chosen]
    return {str(i): t.detach()[chosen.to(t.device)].cpu() for i, t in enumerate(dataset.tensors)}


def _asked(dataset: Any, total: int, most: int, deadline: float) -> Columns:
    found: defaultdict[str, list[Tensor]] = defaultdict(list)
    held = 0
    for index in _spread(total, most):
        if time.monotonic() > deadline or held > MOST_BYTES:
            break
        for path, tensor in sample_leaves(dataset[index]):
            found[path].append(tensor.detach().cpu().clone())
            held += tensor.numel() * tensor.element_size()
    return dict(found)


def sample_leaves(sample: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors, arrays and numbers of a sample, under the names that they have in a collated batch."""
    match sample:
        case Tensor():
            yield path or "0", sample
        case bool() | int() | float() | np.generic() | np.ndarray():
            if not isinstance(sample, np.ndarray | np.generic) or sample.dtype.kind in "biuf":
                yield path or "0", torch.as_tensor(np.array(sample))
        case dict():
            for key, value in sample.items():
                yield from sample_leaves(value, f"{path}.{key}" if path else str(key))
        case tuple() | list():
            for i, value in enumerate(sample):
                yield from sample_leaves(value, f"{path}.{i}" if path else str(i))


# ---- what is said of them


def _judged(known: Columns, roles: dict[str, str]) -> dict[str, Any]:
    count = max(map(len, known.values()), default=0)
    whole = {path: column for path, column in known.items() if len(column) == count}
    inputs = [path for path in whole if roles.get(path, "").startswith("input")]
    targets = [path for path in whole if roles.get(path) == "target"]
    missing = [path for path, role in roles.items() if role and path not in whole]
    if not inputs or missing or count < 2:
        return {}  # a collate function of the user's own: which leaf is which is not known
    facts = {**_copies(whole, inputs, targets), **_constant([_stack(whole[path]) for path in inputs])}
    facts["tokens"] = all(whole[path][0].dtype in (torch.int32, torch.int64) for path in inputs)
    return {"keyed": count, **facts}


def _copies(known: Columns, inputs: list[str], targets: list[str]) -> dict[str, Any]:
    keys = _keys([known[path] for path in inputs])
    answers = _keys([known[path] for path in targets]) if targets else [b""] * len(keys)
    by_input: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for key, answer in zip(keys, answers, strict=True):
        by_input[key].add(answer)
    facts: dict[str, Any] = {
        "duplicates": len(keys) - sum(len(answers) for answers in by_input.values()),
        "conflicts": sum(len(by_input[key]) > 1 for key in keys),
        "bits": sum(_bits(_stack(known[path])) for path in inputs),
    }
    classes = _classes(_stack(known[targets[0]])) if len(targets) == 1 else None
    if classes is None:
        return facts
    members: defaultdict[int, list[bytes]] = defaultdict(list)
    for label, key in zip(classes.tolist(), keys, strict=True):
        members[label].append(key)
    labels = sorted(members)
    facts["labels"] = tuple(labels)
    facts["counts"] = tuple(len(members[label]) for label in labels)
    facts["distinct"] = tuple(len(set(members[label])) for label in labels)
    return facts


def _keys(columns: list[Column]) -> list[bytes]:
    parts = [_hashes(column) for column in columns]
    return [b"".join(row) for row in zip(*parts, strict=True)]


def _hashes(column: Column) -> list[bytes]:
    if isinstance(column, Tensor):
        return row_hashes(column.reshape(len(column), -1)) or [b""] * len(column)
    return [str(tuple(t.shape)).encode() + b"".join(row_hashes(t.reshape(1, -1))) for t in column]


def _stack(column: Column) -> Tensor | None:
    if isinstance(column, Tensor):
        return column
    alike = len({(tuple(t.shape), t.dtype) for t in column}) == 1
    return torch.stack(list(column)) if alike else None


def _classes(values: Tensor | None) -> Tensor | None:
    """Return class indices, None where the target is something else."""
    if values is None or values.is_complex() or values.numel() == 0:
        return None
    if values.dim() == 2 and values.shape[1] == 1:
        values = values[:, 0]
    binary = values.dtype == torch.bool or bool(((values == 0) | (values == 1)).all())
    if values.dim() == 2 and binary and bool((values.sum(dim=1) == 1).all()):
        return values.long().argmax(dim=1)
    if values.dim() != 1 or (values.is_floating_point() and not binary):
        return None
    classes = values.long()
    return classes if int(classes.max()) - int(classes.min()) < MOST_CLASSES else None


def _bits(values: Tensor | None) -> float:
    """Return how improbable it is that two samples agree, were the columns independent; 0 where it is not known."""
    if values is None or len(values) < 2:
        return 0.0
    flat = values.reshape(len(values), -1)
    flat = flat[:: max(1, len(flat) // COMPARED)][:COMPARED]
    flat = flat[:, :: max(1, flat.shape[1] // COMPARED_COLUMNS)]
    pairs = len(flat) * (len(flat) - 1)
    bits = 0.0
    for column in flat.unbind(dim=1):
        counts = torch.unique(column, return_counts=True)[1].double()
        agree = float((counts * (counts - 1)).sum())
        bits -= math.log2(max(agree, 1.0) / pairs)
    return bits


def _constant(inputs: list[Tensor | None]) -> dict[str, Any]:
    """Count the columns of the widest floating-point input that never vary."""
    tables = [t for t in inputs if t is not None and t.is_floating_point() and t.dim() > 1 and t.numel()]
    if not tables:
        return {}
    widest = max(tables, key=lambda t: t[0].numel())
    flat = widest.reshape(len(widest), -1)
    constant = (flat == flat[:1]).all(dim=0).nonzero().flatten()
    return {
        "columns": flat.shape[1],
        "constant": len(constant),
        "constant_columns": tuple(int(i) for i in constant[:16]),
        "dimensions": widest.dim() - 1,
        "zero_share": float((flat == 0).float().mean()),
    }
