"""Does a data set write into its own arrays? The same sample is fetched several times from one random state.

Random augmentation then gives the same values each time. A sample that is different each time although the random
state is the same, while the arrays that the data set holds change with every fetch, has been transformed in place.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from nndoctor.feeds.state import RandomState

if TYPE_CHECKING:
    from collections.abc import Iterator

FETCHES = 4
MOST_BYTES = 1 << 26
"""Of arrays held by a data set; what holds more is not copied and not judged."""
MOST_LISTED = 20_000
MOST_DEPTH = 4


def drift(dataset: Any, deadline: float) -> dict[str, Any]:
    """Return the fields of `Scan` that tell of it. The arrays are left as they were."""
    arrays = list(_arrays(dataset, {}))
    if not arrays or sum(a.nbytes for a in arrays) > MOST_BYTES:
        return {}
    writable = [a for a in arrays if a.flags.writeable]
    kept = [a.copy() for a in writable]
    facts: dict[str, Any] = {"refetched": 0, "drifting": 0}
    try:
        for index in sorted({0, len(dataset) // 2, len(dataset) - 1}):
            if time.monotonic() > deadline:
                break
            sizes = _fetched(dataset, index, arrays)
            facts["refetched"] += 1
            if sizes:
                facts["drifting"] += 1
                facts["drift_from"], facts["drift_to"] = sizes[0], sizes[-1]
    finally:
        for array, was in zip(writable, kept, strict=True):
            array[...] = was
    return facts


def _fetched(dataset: Any, index: int, arrays: list[np.ndarray[Any, Any]]) -> list[float]:
    """Return the mean absolute values of a sample over its fetches if it was another each time, else nothing."""
    state = RandomState()
    stored, seen, sizes = [_digest(arrays)], [], []
    for _ in range(FETCHES):
        state.restore()
        plain = [_plain(v) for v in _values(dataset[index])]
        seen.append(_digest(plain))
        sizes.append(max((float(np.abs(v).mean()) for v in plain if v.dtype.kind == "f" and v.size), default=0.0))
        stored.append(_digest(arrays))
    each_time = len(set(seen)) == FETCHES and all(a != b for a, b in itertools.pairwise(stored))
    return sizes if each_time and all(np.isfinite(sizes)) else []


def _digest(arrays: list[np.ndarray[Any, Any]]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _plain(value: Any) -> np.ndarray[Any, Any]:
    """Return the values of a tensor, array or number, sharing its memory where that is possible."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return np.asarray(value)


def _values(sample: Any) -> Iterator[Any]:
    if isinstance(sample, Tensor | np.ndarray | np.generic | int | float):
        yield sample
    elif isinstance(sample, dict):
        for value in sample.values():
            yield from _values(value)
    elif isinstance(sample, tuple | list):
        for value in sample:
            yield from _values(value)


def _arrays(thing: Any, seen: dict[int, Any], least: int = 1, depth: int = 0) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays of a data set that can hold its samples, of tensors on the CPU their memory.

    `least` is how many samples they must hold: a smaller one is a buffer, which is there to be written to.
    """
    if id(thing) in seen or depth > MOST_DEPTH:
        return
    seen[id(thing)] = thing
    if isinstance(thing, np.ndarray):
        if thing.dtype.kind in "biuf" and len(thing.shape[:1]) and thing.shape[0] >= least:
            yield thing
    elif isinstance(thing, Tensor):
        if thing.device.type == "cpu" and not thing.is_sparse and thing.dtype != torch.bfloat16:
            yield from _arrays(thing.detach().numpy(), seen, least, depth)
    elif isinstance(thing, tuple | list | dict):
        within = 0 if len(thing) >= least else least  # one array per sample
        if len(thing) <= MOST_LISTED:
            for value in thing.values() if isinstance(thing, dict) else thing:
                if isinstance(value, Tensor | np.ndarray | tuple | list | dict):
                    yield from _arrays(value, seen, within, depth + 1)
    elif isinstance(thing, Dataset):
        for value in list(vars(thing).values()):
            yield from _arrays(value, seen, len(thing) if hasattr(thing, "__len__") else least, depth + 1)
