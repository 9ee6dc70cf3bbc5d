"""Do the workers of a loader draw the same random numbers? Asked of real workers.

PyTorch seeds the global generators anew in each worker and epoch, but a generator that the data set owns is copied as
it is. Where a sample depends on such a generator, two workers are each asked for the same samples, twice, started as
the loader starts its own.
"""

from __future__ import annotations

import copy
import multiprocessing
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nndoctor.experiments.scan import sample_leaves
from nndoctor.feeds.state import RandomState
from nndoctor.feeds.tree import leaves
from nndoctor.records import WorkerRandomness

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERATORS = (np.random.Generator, np.random.RandomState, random.Random, torch.Generator)
COMPARED = 4
PATIENCE = 3.0
"""Seconds to wait for a sample of a worker's."""
MOST_DEPTH = 5
MOST_LISTED = 64


def worker_randomness(name: str, loader: Any) -> Iterator[WorkerRandomness]:
    """Yield a row where a generator of the data set's own decides what samples are."""
    workers = int(loader.num_workers or 0)
    context = loader.multiprocessing_context or multiprocessing.get_context()
    if workers < 1 or context.get_start_method() != "fork":
        return  # a spawned worker imports the script anew, which takes longer than the answer is worth
    owned = list(generators(loader.dataset, "dataset", set()))
    index = 0
    deciding = [(path, g) for path, g in owned if _decides(loader.dataset, index, g)]
    if not deciding:
        return
    path, generator = deciding[0]
    row = WorkerRandomness(loader=name, owner=path, kind=type(generator).__name__, workers=workers)
    yield _asked(row, loader)


def generators(thing: Any, path: str, seen: set[int], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the random generators that an object holds, with the path of the attribute."""
    if id(thing) in seen or depth > MOST_DEPTH:
        return
    seen.add(id(thing))
    if isinstance(thing, GENERATORS):
        if thing not in (torch.default_generator, random._inst):
            yield path, thing
    elif isinstance(thing, list | tuple) and len(thing) <= MOST_LISTED:
        for i, value in enumerate(thing):
            yield from generators(value, f"{path}[{i}]", seen, depth + 1)
    elif isinstance(thing, dict) and len(thing) <= MOST_LISTED:
        for key, value in thing.items():
            yield from generators(value, f"{path}[{key!r}]", seen, depth + 1)
    elif not isinstance(thing, type | Tensor | np.ndarray | str | bytes) and hasattr(thing, "__dict__"):
        for key, value in list(vars(thing).items()):
            yield from generators(value, f"{path}.{key}", seen, depth + 1)


def _decides(dataset: Dataset[Any], index: int, generator: Any) -> bool:
    """Whether a sample is another with every draw, and the same again if this generator is set back."""
    state, own = RandomState(), state_of(generator)

    def fetch(*, back: bool) -> list[Tensor]:
        state.restore()
        if back:
            set_back(generator, own)
        return [t.clone() for _, t in sample_leaves(dataset[index])]

    try:
        first, again, later = fetch(back=False), fetch(back=True), fetch(back=False)
    finally:
        set_back(generator, own)
    return same(first, again) and not same(first, later)


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    """Whether two samples are equal."""
    return len(one) == len(other) and all(
        a.shape == b.shape and torch.equal(a, b) for a, b in zip(one, other, strict=True)
    )


def state_of(generator: Any) -> Any:
    """Return the state of a random generator, to be given to `set_back`."""
    match generator:
        case np.random.Generator():
            return copy.deepcopy(generator.bit_generator.state)
        case torch.Generator() | np.random.RandomState():
            return generator.get_state()
        case _:
            return generator.getstate()


def set_back(generator: Any, state: Any) -> None:
    """Put a random generator into a state that it was in."""
    match generator:
        case np.random.Generator():
            generator.bit_generator.state = copy.deepcopy(state)
        case torch.Generator() | np.random.RandomState():
            generator.set_state(state)
        case _:
            generator.setstate(state)


def _asked(row: WorkerRandomness, loader: Any) -> WorkerRandomness:
    """Ask two workers for the same samples, in two epochs."""
    several = min(2, row.workers)
    indices = [i for i in range(min(COMPARED, len(loader.dataset))) for _ in range(several)]
    twin: DataLoader[Any] = DataLoader(
        loader.dataset,
        batch_size=None,
        sampler=indices,  # samples go to the workers in turn
        num_workers=several,
        collate_fn=_as_it_is,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        persistent_workers=bool(loader.persistent_workers),
        timeout=PATIENCE,
    )
    first, second = list(twin), list(twin)
    samples = [[t for _, t in leaves(s)] for s in (*first, *second)]
    one, two = samples[: len(indices)], samples[len(indices) :]
    pairs = zip(one[::several], one[1::several], strict=True) if several > 1 else ()
    return replace(
        row,
        compared=len(indices) // several,
        same_workers=sum(same(a, b) for a, b in pairs),
        same_epochs=sum(same(a, b) for a, b in zip(one[::several], two[::several], strict=True)),
    )


def _as_it_is(sample: Any) -> Any:
    """Return the tensors of a sample; a function of the module, so that it can be sent to workers."""
    return [t.clone() for _, t in sample_leaves(sample)]
