"""Are there training samples among the validation samples? Asked of the data sets when the script is over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from nndoctor.feeds.tree import leaves
from nndoctor.fingerprint import row_hashes
from nndoctor.records import Overlap

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SAMPLES = 2000
MOST_SECONDS = 4.0
MOST_BYTES = 1 << 28


def overlaps(training: dict[str, Any], validation: dict[str, Any]) -> Iterator[Overlap]:
    """Yield a row for each pair of a training and another data set, given by the names of their loaders."""
    for train_name, train in training.items():
        for other_name, other in validation.items():
            if other is train and other_name == train_name:
                continue
            if other is train:  # another loader over it: the training score, or a validation given the wrong data set
                size = len(train) if hasattr(train, "__len__") else 0
                every = Overlap(by="index", train_samples=size, compared=size, shared=size, distinct=size)
                yield replace(every, train=train_name, validation=other_name)
                continue
            shared = by_index(train, other)
            if shared is None:
                shared = by_content(train, other)
            if shared is not None:
                yield replace(shared, train=train_name, validation=other_name)


def by_index(train: Any, other: Any) -> Overlap | None:
    """Compare the indices of two subsets of one data set; None if they are not that."""
    (base, own), (other_base, others) = resolved(train), resolved(other)
    if base is not other_base or own is None or others is None:
        return None
    shared = len(set(own) & set(others))
    return Overlap(by="index", train_samples=len(own), compared=len(others), shared=shared, distinct=len(set(others)))


def by_content(train: Any, other: Any) -> Overlap | None:
    """Compare hashes of the input of every sample (of the first ones, for data sets that must be asked one by one)."""
    known = hashes(train)
    found = hashes(other)
    if not known or not found:
        return None
    have = set(known)
    return Overlap(
        by="content",
        train_samples=len(known),
        compared=len(found),
        shared=sum(h in have for h in found),
        distinct=len(set(found)),
    )


def hashes(dataset: Any) -> list[bytes]:
    """Return a hash per sample of its first leaf that holds more than one value; empty if the data cannot be asked."""
    base, indices = resolved(dataset)
    if isinstance(base, TensorDataset):
        tensor = next((t for t in base.tensors if t.dim() > 1 and t[0].numel() > 1), None)
        if tensor is None or tensor.numel() * tensor.element_size() > MOST_BYTES:
            return []
        return row_hashes(tensor if indices is None else tensor[torch.as_tensor(indices)])
    if not isinstance(dataset, Dataset) or not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        return []
    return list(_asked(dataset))


def _asked(dataset: Any) -> Iterator[bytes]:
    began = time.monotonic()
    for index in range(min(len(dataset), MOST_SAMPLES)):
        if time.monotonic() - began > MOST_SECONDS:
            return
        tensor = _input(dataset[index])
        if tensor is None:
            return
        yield from row_hashes(tensor.unsqueeze(0))


def _input(sample: Any) -> Tensor | None:
    if isinstance(sample, np.ndarray):
        sample = torch.from_numpy(np.ascontiguousarray(sample))
    if isinstance(sample, tuple | list):
        sample = [torch.from_numpy(np.ascontiguousarray(s)) if isinstance(s, np.ndarray) else s for s in sample]
    return next((t for _, t in leaves(sample) if t.numel() > 1), None)


def resolved(dataset: Any) -> tuple[Any, list[int] | None]:
    """Follow subsets of subsets down to the data set itself; its indices, None for all of it."""
    indices: list[int] | None = None
    while isinstance(dataset, Subset):
        own = [int(i) for i in dataset.indices]
        indices = own if indices is None else [own[i] for i in indices]
        dataset = dataset.dataset
    return dataset, indices
