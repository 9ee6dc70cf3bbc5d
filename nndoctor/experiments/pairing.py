"""Do two loaders, one of inputs and one of targets, give samples that belong together?

The rows of the observed batches are found again in the two data sets, by hash: a target must be that of the same index.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import TensorDataset

from nndoctor.experiments.scan import sample_leaves
from nndoctor.fingerprint import row_hashes
from nndoctor.records import Pairing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.names import Place

MOST_SAMPLES = 5000


@dataclass(slots=True)
class Stream:
    """What one loader of a group gave in the observed steps, sample by sample, in the leaf that was used."""

    loader: str
    dataset: Any
    leaf: str
    role: str
    place: Place
    hashes: list[bytes] = field(default_factory=list)


def pairings(streams: list[Stream], deadline: float) -> Iterator[Pairing]:
    """Yield a row for each pair of an input and a target that come from different loaders.

    Targets that have inputs of their own beside them stand with those: the other loader is one without labels.
    """
    complete = {s.loader for s in streams if s.role == "input"}
    for inputs in (s for s in streams if s.role == "input"):
        for targets in (s for s in streams if s.role == "target" and s.loader not in complete):
            row = _compared(inputs, targets, deadline)
            if row is not None:
                yield row


def _compared(inputs: Stream, targets: Stream, deadline: float) -> Pairing | None:
    if inputs.dataset is targets.dataset or len(inputs.dataset) != len(targets.dataset):
        return None
    known, answers = _hashes(inputs, deadline), _hashes(targets, deadline)
    places: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, key in known.items():
        places[key].append(index)
    compared = matched = 0
    for key, answer in zip(inputs.hashes, targets.hashes, strict=False):
        indices = [i for i in places.get(key, ()) if i in answers]
        compared += bool(indices)
        matched += any(answers[i] == answer for i in indices)
    total = len(answers) or 1
    file, line, function = targets.place
    return Pairing(
        inputs=inputs.loader,
        targets=targets.loader,
        compared=compared,
        matched=matched,
        by_chance=sum((n / total) ** 2 for n in Counter(answers.values()).values()),
        file=file,
        line=line,
        function=function,
    )


def _hashes(stream: Stream, deadline: float) -> dict[int, bytes]:
    """Return the hash of a leaf by the index of its sample."""
    dataset = stream.dataset
    count = min(len(dataset), MOST_SAMPLES)
    if isinstance(dataset, TensorDataset):
        count = len(dataset)
        leaf = int(stream.leaf) if stream.leaf.isdigit() else 0
        return dict(enumerate(row_hashes(dataset.tensors[leaf][:count])))
    found: dict[int, bytes] = {}
    for i in range(count):
        index = i * len(dataset) // count
        if time.monotonic() > deadline:
            break
        for path, tensor in sample_leaves(dataset[index]):
            if path == stream.leaf:
                [found[index]] = row_hashes(torch.unsqueeze(tensor, 0))
    return found
